//! `INFO` -> who answers, and whether it may drop documents.

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
                _ => {}
            }
        }
        info
    }

    /// Whether documents may be entrusted to it. Only policies for keys that expire spare ours, which never do.
    pub(super) fn check(&self, store: &str) -> Result<(), StoreError> {
        let unusable = |reason: String| Err(StoreError::Unusable { store: store.to_owned(), reason });
        let major: Option<u32> = self.version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major| major < MAJOR_VERSION_MIN) {
            let found = &self.version;
            return unusable(format!(
                "the server is of version `{found}`, expected {MAJOR_VERSION_MIN} or newer"
            ));
        }
        if self.policy.starts_with("allkeys") {
            let policy = &self.policy;
            return unusable(format!(
                "the server may evict documents: `maxmemory-policy` is `{policy}`, set it to `noeviction`"
            ));
        }
        Ok(())
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
