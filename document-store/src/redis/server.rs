//! `INFO` -> who answers, and whether it may drop documents.

use std::sync::atomic::Ordering;

use futures_util::future::try_join_all;
use jiff::Timestamp;

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
    /// It writes down what it does, so that a restart loses a second or so.
    pub(super) has_append_only_file: bool,
    server_micros: i64,
    uptime_seconds: i64,
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
                "aof_enabled" => info.has_append_only_file = value == "1",
                "server_time_usec" => info.server_micros = value.parse().unwrap_or(0),
                "uptime_in_seconds" => info.uptime_seconds = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        info
    }

    /// When the process began, or up to a second before: it counts whole seconds.
    pub(super) fn began_at(&self) -> Timestamp {
        let began = self.server_micros.saturating_sub((self.uptime_seconds + 1).saturating_mul(1_000_000));
        Timestamp::from_microsecond(began).unwrap_or(Timestamp::MAX)
    }

    /// It may drop any key. Only policies for keys that expire spare ours, which never do.
    fn may_evict(&self) -> bool {
        self.policy.starts_with("allkeys")
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
        self.may_evict.store(infos.iter().any(Info::may_evict), Ordering::Relaxed);
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
    fn a_process_tells_when_it_began() {
        let info =
            Info::parse("server_time_usec:1700000010500000\r\nuptime_in_seconds:9\r\naof_enabled:1\r\n");
        assert!(info.has_append_only_file);
        // Began at 0.5 to 1.5 s; whoever rounds must not make it younger than it is.
        assert_eq!(info.began_at(), Timestamp::from_microsecond(1_700_000_000_500_000).unwrap());
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
