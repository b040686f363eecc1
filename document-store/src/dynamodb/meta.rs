//! What the table says of the store in it: which one this is, and whether what it does not have does not exist.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use shop_id::{Revision, Writer};

use super::ask::{KEYS_MAX, Store};
use super::failed::Failed;
use super::items::{Item, Key, numeric, position, text};
use crate::traits::new_contacts;
use crate::{Identity, Position, Positions, StoreError, WriterContact};

/// What stands in `store_format`.
pub(super) const FORMAT: &str = "shopfront-store-1";
/// Heads and `meta` fit into one `BatchGetItem`.
pub(super) const SHARDS_MAX: u16 = 64;
const _: () = assert!((SHARDS_MAX as usize) < KEYS_MAX);

/// The item `meta`.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) activation: u32,
    pub(super) shards: u16,
    is_complete: bool,
    /// Of the table that it was written to.
    pub(super) table_id: String,
    item: Item,
}

/// `meta` and the heads of all shards, as they are at about the same time.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    pub(super) meta: Option<Meta>,
    pub(super) heads: Vec<Option<Position>>,
}

impl Meta {
    fn parse(store: &str, item: Item) -> Result<Self, StoreError> {
        let format = text(&item, "store_format").unwrap_or_default();
        let (activation, shards) = (numeric(&item, "store_activation"), numeric(&item, "store_shards"));
        let (Some(activation), Some(shards), true) = (activation, shards, format == FORMAT) else {
            let reason = format!("its format is `{format}`, expected `{FORMAT}`; choose another table");
            return Err(StoreError::Unusable { store: store.to_owned(), reason });
        };
        let is_complete = item.get("is_complete").is_some_and(|value| value.as_bool() == Ok(&true));
        let table_id = text(&item, "table_id").unwrap_or_default();
        Ok(Self { activation, shards, is_complete, table_id, item })
    }

    pub(super) const fn identity(&self) -> Identity {
        Identity { activation: self.activation, shards: self.shards, complete: self.is_complete }
    }

    pub(super) fn cursor(&self, writer: Writer) -> Option<Revision> {
        let cursor = text(&self.item, &format!("cursor_{writer}"))?;
        let (epoch, counter) = cursor.split_once('-')?;
        Some(Revision::new(epoch.parse().ok()?, counter.parse().ok()?))
    }

    fn contacts(&self) -> Vec<WriterContact> {
        let mut contacts = new_contacts();
        for contact in &mut contacts {
            let micros = numeric::<i64>(&self.item, &format!("heard_{}", contact.writer));
            contact.heard_at = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
            contact.cursor = self.cursor(contact.writer);
        }
        contacts
    }
}

impl Store {
    pub(super) async fn meta(&self) -> Result<Option<Meta>, StoreError> {
        let key = Key::meta();
        let ask = || {
            let get = self.client.get_item().table_name(&self.address.table).consistent_read(true);
            get.set_key(Some(key.attributes())).send()
        };
        let answer = self.call("GetItem", self.deadline(), ask).await;
        let item = answer.map_err(|failed| failed.told(&self.name))?.item;
        item.map(|item| Meta::parse(&self.name, item)).transpose()
    }

    pub(super) async fn heads(&self, is_consistent: bool) -> Result<Heads, StoreError> {
        let keys: BTreeSet<Key> = (0..self.shards).map(Key::head).chain([Key::meta()]).collect();
        let got = self.get(keys, is_consistent, self.deadline()).await.whole();
        let mut items = got.map_err(|failed| failed.told(&self.name))?;
        let meta = items.remove(&Key::meta()).map(|item| Meta::parse(&self.name, item)).transpose()?;
        let heads = (0..self.shards).map(|shard| items.get(&Key::head(shard)).and_then(position)).collect();
        Ok(Heads { meta, heads })
    }

    /// The newest position of one shard; `None`: there is no store.
    pub(super) async fn head_of(&self, shard: u16) -> Result<Option<Position>, Failed> {
        let key = Key::head(shard);
        let got = self.get(BTreeSet::from([key.clone()]), true, self.deadline()).await.whole()?;
        Ok(got.get(&key).and_then(position))
    }

    pub(super) async fn identity(&self) -> Result<Identity, StoreError> {
        let Some(meta) = self.meta().await? else { return Err(self.absent()) };
        self.check_shards(&meta)?;
        self.see(meta.activation);
        Ok(meta.identity())
    }

    pub(super) fn absent(&self) -> StoreError {
        self.unavailable("there is no store in the table, or it was created anew; the invalidator fills it")
    }

    pub(super) fn check_shards(&self, meta: &Meta) -> Result<(), StoreError> {
        if meta.shards == self.shards {
            return Ok(());
        }
        let reason = "it was created anew with another number of shards; restart this program".to_owned();
        Err(StoreError::Unusable { store: self.name.clone(), reason })
    }

    pub(super) async fn head(&self) -> Result<Positions, StoreError> {
        self.positions(&self.heads(true).await?)
    }

    /// The heads, if all of them are there and of one activation.
    pub(super) fn positions(&self, heads: &Heads) -> Result<Positions, StoreError> {
        let Some(meta) = &heads.meta else { return Err(self.absent()) };
        self.check_shards(meta)?;
        let of_it = |head: &Option<Position>| head.filter(|head| head.activation == meta.activation);
        let positions: Option<Vec<Position>> = heads.heads.iter().map(of_it).collect();
        positions.map(Positions).ok_or_else(|| self.partly_lost())
    }

    pub(super) async fn contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.meta().await?.map(|meta| meta.contacts()).ok_or_else(|| self.absent())
    }

    pub(super) fn see(&self, activation: u32) {
        self.seen.store(activation, Ordering::Release);
    }

    /// Whether "not there" means that there is no such shop: the shards are there, all of one activation, and, for who answers
    /// people, all was saved once. To who saves it means that nothing is held.
    pub(super) async fn believes(&self, shards: &BTreeSet<u16>) -> Result<(), StoreError> {
        let keys: BTreeSet<Key> = shards.iter().map(|shard| Key::head(*shard)).chain([Key::meta()]).collect();
        let got = self.get(keys, true, self.deadline()).await.whole();
        let mut items = got.map_err(|failed| failed.told(&self.name))?;
        let meta = items.remove(&Key::meta()).map(|item| Meta::parse(&self.name, item)).transpose()?;
        let is_there = |meta: &Meta, shard: &u16| {
            let head = items.get(&Key::head(*shard)).and_then(position);
            head.is_some_and(|head| head.activation == meta.activation)
        };
        match meta {
            Some(meta) if !shards.iter().all(|shard| is_there(&meta, shard)) => Err(self.partly_lost()),
            Some(meta) if meta.is_complete || self.is_written_here => Ok(()),
            Some(_) => Err(self.unavailable("it is not complete yet; shops that are not found may exist")),
            None => Err(self.absent()),
        }
    }

    fn partly_lost(&self) -> StoreError {
        self.unavailable("part of it was lost; the invalidator makes it whole")
    }
}
