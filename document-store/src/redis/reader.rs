//! What query servers and tools open; the writer reads with it, too.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::TlsCertificates;
use shop_document::{DetailPart, ListPart};
use shop_id::{Revision, ShopId};

use super::keys::Keys;
use super::link::Link;
use super::listener::{self, Listener};
use super::values::{list, number, text};
use crate::address::RedisAddress;
use crate::hedge::Hedge;
use crate::traits::new_contacts;
use crate::{
    ChangeLog, DocumentReader, Identity, LogPage, Lookup, Position, Positions, Scan, StoreError,
    WriterContact,
};

/// How long a wake-up that got lost can go unnoticed. Whoever waits gives up after a second, and begins anew: it has to be
/// shorter, or nobody would ever see that it was the look-around that found something.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// Reads. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct RedisReader {
    pub(super) store: Arc<Store>,
}

/// The store as this process reaches it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) address: RedisAddress,
    /// Of the address, without a password.
    pub(super) name: String,
    pub(super) keys: Keys,
    /// For what somebody waits for.
    pub(super) front: Link,
    /// For scans, the log, and what is asked again.
    pub(super) rest: Link,
    pub(super) hedge: Hedge,
    /// By the writer's handle.
    pub(super) is_written_here: bool,
    pub(super) ca: Option<Vec<u8>>,
    listener: Listener,
}

impl Store {
    /// Connects; whether there is a store of this name is another question.
    pub(super) async fn connect(address: &RedisAddress, is_written_here: bool) -> Result<Self, StoreError> {
        let name = address.to_string();
        let ca = address.ca_file.as_deref().map(|file| certificates(file, &name)).transpose()?;
        if address.has_tls {
            listener::choose_cryptography();
        }
        let mut store = Self {
            address: address.clone(),
            name,
            keys: Keys::new(&address.name, 1),
            front: link(address, ca.as_ref()),
            rest: link(address, ca.as_ref()),
            hedge: Hedge::new(address.patience),
            is_written_here,
            ca,
            listener: Listener::default(),
        };
        store.info(0).await?.check(&store.name)?;
        // The first shard is found without knowing how many there are.
        let first = store.meta(0).await.map_err(|failed| failed.told(&store.name))?;
        store.check_format(&first)?;
        store.keys = Keys::new(&address.name, first.shards.unwrap_or(address.shards));
        Ok(store)
    }

    /// Connections of one's own, for what holds up whatever is asked after it.
    pub(super) fn another_link(&self) -> Link {
        link(&self.address, self.ca.as_ref())
    }

    /// The same number for shops of one node.
    pub(super) fn neighbourhood(&self, shop_id: ShopId) -> u16 {
        if self.front.is_cluster() { self.keys.shard_of(shop_id) } else { 0 }
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        let (metas, _) = tokio::try_join!(self.metas(), self.infos())?;
        self.identity_of(&metas)
    }

    async fn contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        let mut contacts = new_contacts();
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.meta(0)).arg("format");
        for contact in &contacts {
            command.arg(format!("heard:{}", contact.writer)).arg(format!("cursor:{}", contact.writer));
        }
        let found = self.front.ask(self.keys.slot(0), &command).await;
        let found = list(found.map_err(|failed| failed.told(&self.name))?);
        if found.first().and_then(text).is_none() {
            let reason = "it is not there, or was flushed".to_owned();
            return Err(StoreError::Unavailable { store: self.name.clone(), reason });
        }
        for (contact, fields) in contacts.iter_mut().zip(found[1..].chunks(2)) {
            let [heard, cursor] = fields else { continue };
            let micros = number::<i64>(heard);
            contact.heard_at = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
            contact.cursor = text(cursor).and_then(|cursor| cursor_of(&cursor));
        }
        Ok(contacts)
    }
}

fn link(address: &RedisAddress, ca: Option<&Vec<u8>>) -> Link {
    let certificates = address.has_tls.then(|| TlsCertificates { client_tls: None, root_cert: ca.cloned() });
    Link::new(address.clone(), certificates)
}

fn certificates(file: &Path, store: &str) -> Result<Vec<u8>, StoreError> {
    std::fs::read(file).map_err(|error| StoreError::Unusable {
        store: store.to_owned(),
        reason: format!("cannot read `ca_file` `{}`: {error}", file.display()),
    })
}

/// `epoch-counter`
fn cursor_of(text: &str) -> Option<Revision> {
    let (epoch, counter) = text.split_once('-')?;
    Some(Revision::new(epoch.parse().ok()?, counter.parse().ok()?))
}

impl RedisReader {
    /// Opens a store that the invalidator created.
    ///
    /// # Errors
    /// `Unavailable` while server or store are not there yet (transient); `Unusable` for a server that may evict
    /// documents, refuses the user, or holds something else.
    pub async fn open(address: &RedisAddress) -> Result<Self, StoreError> {
        let store = Store::connect(address, false).await?;
        store.identity().await?;
        Ok(Self { store: Arc::new(store) })
    }

    /// Gets that were asked a second time because they were late.
    #[must_use]
    pub fn hedged_gets(&self) -> u64 {
        self.store.hedge.hedged_gets()
    }
}

impl DocumentReader for RedisReader {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        self.store.gather(shop_ids, |store, shop_id| store.keys.list(shop_id)).await
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        let mut got = self.store.gather(&[shop_id], |store, shop_id| store.keys.detail(shop_id)).await;
        got.pop().unwrap_or(Ok(Lookup::Unknown))
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.store.contacts().await
    }

    fn neighbourhood(&self, shop_id: ShopId) -> u16 {
        self.store.neighbourhood(shop_id)
    }
}

impl ChangeLog for RedisReader {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.store.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.store.read_log(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.store.scan(after, shops_max).await
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        let mut rung = self.store.listener.listen(&self.store);
        let mut has_rung = true;
        loop {
            rung.mark_unchanged();
            if self.store.head().await? != *seen {
                if !has_rung {
                    // It was the look-around that found it: a failover may have moved what is listened to.
                    self.store.listener.renew();
                }
                return Ok(());
            }
            has_rung = matches!(tokio::time::timeout(LOOK_AROUND, rung.changed()).await, Ok(Ok(())));
        }
    }
}
