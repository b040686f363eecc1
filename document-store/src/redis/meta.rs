//! What each shard says of itself: which store this is, and whether what it does not have does not exist.

use futures_util::future::try_join_all;
use redis::Value;

use super::failed::Failed;
use super::reader::Store;
use super::values::{list, number, text};
use crate::{Identity, Position, StoreError};

/// What stands in `format`.
pub(super) const FORMAT: &str = "shopfront-store-1";

/// The fields of a shard's `meta`; all empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) format: Option<String>,
    pub(super) activation: Option<u32>,
    pub(super) shards: Option<u16>,
    pub(super) sequence: u64,
    pub(super) is_complete: bool,
    /// The process that served this shard when its writer last looked.
    pub(super) run_id: Option<String>,
    /// How many keys it had dropped by then.
    pub(super) evicted_keys: Option<u64>,
}

impl Meta {
    fn parse(answer: Value) -> Self {
        let fields = list(answer);
        let field = |place: usize| fields.get(place).unwrap_or(&Value::Nil);
        Self {
            format: text(field(0)),
            activation: number(field(1)),
            shards: number(field(2)),
            sequence: number(field(3)).unwrap_or(0),
            is_complete: *field(4) != Value::Nil,
            run_id: text(field(5)),
            evicted_keys: number(field(6)),
        }
    }

    /// The newest save; `None`: there is no store.
    pub(super) fn head(&self) -> Option<Position> {
        Some(Position { activation: self.activation?, sequence: self.sequence })
    }
}

impl Store {
    /// Over the connection that no scan and no log page holds up.
    pub(super) async fn meta(&self, shard: u16) -> Result<Meta, Failed> {
        let mut command = redis::cmd("HMGET");
        let fields = ["format", "activation", "shards", "seq", "complete", "run", "evicted"];
        command.arg(self.keys.meta(shard)).arg(&fields);
        self.front.ask(self.keys.slot(shard), &command).await.map(Meta::parse)
    }

    /// Of all shards.
    pub(super) async fn metas(&self) -> Result<Vec<Meta>, StoreError> {
        let metas = try_join_all((0..self.keys.shards()).map(|shard| self.meta(shard))).await;
        metas.map_err(|failed| failed.told(&self.name))
    }

    /// Which store this is, if all of it is there.
    pub(super) fn identity_of(&self, metas: &[Meta]) -> Result<Identity, StoreError> {
        let unavailable =
            |reason: &str| StoreError::Unavailable { store: self.name.clone(), reason: reason.to_owned() };
        if metas.iter().all(|meta| *meta == Meta::default()) {
            return Err(unavailable("there is no such store, or it was flushed; the invalidator creates it"));
        }
        let shards = self.keys.shards();
        for meta in metas {
            self.check_format(meta)?;
            if meta.shards.is_some_and(|found| found != shards) {
                let reason =
                    "it was created anew with another number of shards; restart this program".to_owned();
                return Err(StoreError::Unusable { store: self.name.clone(), reason });
            }
        }
        let activation = metas.first().and_then(|meta| meta.activation);
        match activation {
            Some(activation) if metas.iter().all(|meta| meta.activation == Some(activation)) => {
                Ok(Identity { activation, shards, complete: metas.iter().all(|meta| meta.is_complete) })
            }
            _ => Err(unavailable("part of it was lost; the invalidator makes it whole")),
        }
    }

    pub(super) fn check_format(&self, meta: &Meta) -> Result<(), StoreError> {
        match &meta.format {
            Some(format) if format != FORMAT => Err(StoreError::Unusable {
                store: self.name.clone(),
                reason: format!("its format is `{format}`, expected `{FORMAT}`; choose another name"),
            }),
            _ => Ok(()),
        }
    }

    /// The shard is there: what it does not have is not saved. That it may have been lost before is another question.
    pub(super) async fn is_there(&self, shard: u16) -> Result<Meta, StoreError> {
        let meta = self.meta(shard).await.map_err(|failed| failed.told(&self.name))?;
        self.check_format(&meta)?;
        if meta.activation.is_some() {
            return Ok(meta);
        }
        let reason = "it is not there, or was flushed; shops that are not found may exist".to_owned();
        Err(StoreError::Unavailable { store: self.name.clone(), reason })
    }

    /// "Not there" means that there is no such shop. To who answers people it does so only once all was saved; to who saves
    /// it means that nothing is held.
    pub(super) async fn believes(&self, shard: u16) -> Result<(), StoreError> {
        let meta = self.is_there(shard).await?;
        if self.is_written_here {
            return Ok(());
        }
        let reason = if !meta.is_complete {
            "it is not complete yet; shops that are not found may exist"
        } else if !self.info(shard).await?.vouches_for(&meta) {
            "the server was started again, is another one, or may have evicted keys; shops that are not found may exist"
        } else {
            return Ok(());
        };
        Err(StoreError::Unavailable { store: self.name.clone(), reason: reason.to_owned() })
    }
}
