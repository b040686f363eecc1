//! A name -> a table that is there, of our keys; for development one is created.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
    TableStatus,
};
use tokio::time::Instant;

use super::ask::Store;
use super::failed::{Failed, Kind};
use crate::StoreError;

/// Creating a table takes DynamoDB some ten seconds.
const CREATION: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// The keys of a table, as CloudFormation writes them, too.
const KEYS: [(&str, ScalarAttributeType, KeyType); 2] =
    [("p", ScalarAttributeType::S, KeyType::Hash), ("s", ScalarAttributeType::B, KeyType::Range)];

impl Store {
    /// The table's own ID, which no other table ever has, not even one of the same name. The table is created if the address
    /// says so.
    pub(super) async fn table_id(&self) -> Result<String, StoreError> {
        let began = Instant::now();
        loop {
            let described = match self.described().await {
                Err(failed) if failed.kind() == Some(Kind::Missing) && self.address.creates => {
                    self.create_table().await?;
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                described => described.map_err(|failed| failed.told(&self.name))?,
            };
            self.check_keys(&described)?;
            let is_active =
                matches!(described.table_status(), Some(TableStatus::Active | TableStatus::Updating));
            if is_active {
                // A stand-in may not know the ID: then the moment of its creation tells tables apart.
                let created = || described.creation_date_time().map(|at| at.as_nanos().to_string());
                return Ok(described.table_id().map(str::to_owned).or_else(created).unwrap_or_default());
            }
            if began.elapsed() >= CREATION {
                let status = described.table_status().map(TableStatus::as_str).unwrap_or_default();
                return Err(self.unavailable(&format!("the table is `{status}`, expected `ACTIVE`")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn described(&self) -> Result<TableDescription, Failed> {
        let table = &self.address.table;
        let ask = || self.client.describe_table().table_name(table).send();
        let answer = self.call("DescribeTable", self.deadline(), ask).await?;
        let missing =
            || Failed::Said { kind: Kind::Broken, said: "dynamodb:DescribeTable: no table".to_owned() };
        answer.table.ok_or_else(missing)
    }

    fn check_keys(&self, described: &TableDescription) -> Result<(), StoreError> {
        let found = |name: &str| {
            let key = described.key_schema().iter().find(|key| key.attribute_name() == name);
            let attribute =
                described.attribute_definitions().iter().find(|defined| defined.attribute_name() == name);
            key.zip(attribute)
                .map(|(key, defined)| (defined.attribute_type().clone(), key.key_type().clone()))
        };
        if KEYS.into_iter().all(|(name, of, key)| found(name) == Some((of, key))) {
            return Ok(());
        }
        let names: Vec<&str> = described.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
        Err(StoreError::Unusable {
            store: self.name.clone(),
            reason: format!(
                "the table's keys are `{}`, expected `p` (string) and `s` (binary); choose another table",
                names.join("`, `")
            ),
        })
    }

    async fn create_table(&self) -> Result<(), StoreError> {
        let mut create = self
            .client
            .create_table()
            .table_name(&self.address.table)
            .billing_mode(BillingMode::PayPerRequest);
        for (name, of, key) in KEYS {
            let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(of).build();
            let schema = KeySchemaElement::builder().attribute_name(name).key_type(key).build();
            let (Ok(definition), Ok(schema)) = (definition, schema) else { continue };
            create = create.attribute_definitions(definition).key_schema(schema);
        }
        let created = self.call("CreateTable", self.deadline(), || create.clone().send()).await;
        match created {
            Err(Failed::Said { said, .. }) if said.contains("ResourceInUseException") => Ok(()),
            created => created.map(drop).map_err(|failed| failed.told(&self.name)),
        }
    }
}
