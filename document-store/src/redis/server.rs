//! `INFO` -> who answers, and whether it may drop documents.

use futures_util::future::try_join_all;

use super::meta::Meta;
use super::reader::Store;
use crate::StoreError;

/// The oldest release whose scripts are neither replicated nor kept over a restart, which the fence relies on.
const MAJOR_VERSION_MIN: u32 = 7;

/// What `INFO` says of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Of this process: a restart has another one.
    pub(super) run_id: String,
    pub(super) version: String,
    pub(super) is_replica: bool,
    pub(super) maxmemory_bytes: u64,
    pub(super) policy: String,
    /// Since it began, of all keys.
    pub(super) evicted_keys: u64,
}

impl Info {
    pub(super) fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.trim_end().split_once(':')) {
            match name {
                "run_id" => value.clone_into(&mut info.run_id),
                "redis_version" => value.clone_into(&mut info.version),
                "role" => info.is_replica = value != "master",
                "maxmemory" => info.maxmemory_bytes = value.parse().unwrap_or(0),
                "maxmemory_policy" => value.clone_into(&mut info.policy),
                "evicted_keys" => info.evicted_keys = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        info
    }

    /// It may drop any key. Only policies for keys that expire spare ours, which never do.
    fn may_evict(&self) -> bool {
        self.policy.starts_with("allkeys")
    }

    /// Whether it dropped keys since a shard's `meta` was written, though it may not now: it was set to for a while. Where
    /// it spares ours, it may drop those of others.
    pub(super) fn has_evicted(&self, meta: &Meta) -> bool {
        self.policy == "noeviction" && meta.evicted_keys != Some(self.evicted_keys)
    }

    /// Whether a shard with this `meta` has all in it that was ever saved: it is served by the process that its writer looked
    /// at last, which may have dropped nothing.
    pub(super) fn vouches_for(&self, meta: &Meta) -> bool {
        meta.run_id.as_deref() == Some(&self.run_id) && !self.may_evict() && !self.has_evicted(meta)
    }

    /// Whether documents may be entrusted to it.
    pub(super) fn check(&self, store: &str) -> Result<(), StoreError> {
        let unusable = |reason: String| Err(StoreError::Unusable { store: store.to_owned(), reason });
        let major: Option<u32> = self.version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major| major < MAJOR_VERSION_MIN) {
            let found = &self.version;
            return unusable(format!(
                "the server is of version `{found}`, expected {MAJOR_VERSION_MIN} or newer"
            ));
        }
        if self.may_evict() {
            let policy = &self.policy;
            return unusable(format!(
                "the server may evict documents: `maxmemory-policy` is `{policy}`, set it to `noeviction`"
            ));
        }
        Ok(())
    }
}

impl Store {
    /// Of the process that serves a shard.
    pub(super) async fn info(&self, shard: u16) -> Result<Info, StoreError> {
        self.front.info_of(self.keys.slot(shard)).await.map_err(|failed| failed.told(&self.name))
    }

    /// Of the process of each shard, if documents may be entrusted to all of them. Asked again and again: a process may be
    /// another one than a moment ago, and its policy another one, too.
    pub(super) async fn infos(&self) -> Result<Vec<Info>, StoreError> {
        let infos = if self.front.is_cluster() {
            try_join_all((0..self.keys.shards()).map(|shard| self.info(shard))).await?
        } else {
            vec![self.info(0).await?; usize::from(self.keys.shards())]
        };
        for info in &infos {
            info.check(&self.name)?;
            // Of one server that is named alone reads may be asked, whatever it is.
            if info.is_replica && (self.is_written_here || self.address.hosts.len() > 1) {
                // Left behind by a failover: what it says is of the past.
                self.front.look_again();
                self.rest.look_again();
                let reason = "the server is a replica now; looking for the master".to_owned();
                return Err(StoreError::Unavailable { store: self.name.clone(), reason });
            }
        }
        Ok(infos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str, policy: &str) -> Info {
        Info::parse(&format!(
            "# Server\r\nredis_version:{version}\r\nrun_id:abc\r\n\r\n# Memory\r\nmaxmemory:1048576\r\nmaxmemory_policy:{policy}\r\n# Replication\r\nrole:slave\r\n"
        ))
    }

    #[test]
    fn only_the_process_that_was_looked_at_and_dropped_nothing_vouches_for_what_is_not_there() {
        let info = |policy: &str, run_id: &str, evicted: u64| {
            Info::parse(&format!(
                "run_id:{run_id}\r\nmaxmemory_policy:{policy}\r\nevicted_keys:{evicted}\r\n"
            ))
        };
        let meta = Meta { run_id: Some("abc".to_owned()), evicted_keys: Some(7), ..Meta::default() };
        for (policy, run_id, evicted, vouches) in [
            ("noeviction", "abc", 7, true),
            ("noeviction", "abc", 8, false),
            ("noeviction", "abc", 0, false),
            ("noeviction", "def", 7, false),
            ("volatile-lru", "abc", 900, true),
            ("allkeys-lru", "abc", 7, false),
        ] {
            assert_eq!(
                info(policy, run_id, evicted).vouches_for(&meta),
                vouches,
                "{policy} {run_id} {evicted}"
            );
        }
        assert!(!info("noeviction", "abc", 0).vouches_for(&Meta::default()));
    }

    #[test]
    fn a_server_that_may_evict_documents_or_is_too_old_is_refused() {
        let parsed = info("7.0.15", "noeviction");
        assert_eq!(
            (parsed.run_id.as_str(), parsed.maxmemory_bytes, parsed.is_replica),
            ("abc", 1 << 20, true)
        );
        for (version, policy, refused) in [
            ("7.0.15", "noeviction", None),
            ("7.2.4", "volatile-lru", None),
            ("7.2.4", "allkeys-lru", Some("set it to `noeviction`")),
            ("6.2.14", "noeviction", Some("expected 7 or newer")),
            ("", "", Some("expected 7 or newer")),
        ] {
            let found = info(version, policy).check("redis://a/b").err().map(|error| error.to_string());
            assert_eq!(found.is_some(), refused.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(refused.unwrap_or_default()));
        }
    }
}
