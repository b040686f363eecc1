//! What a search engine can do wrong, said so that somebody can do something about it.

/// An engine that did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The configuration leads to no connection: permanent until somebody changes it.
    #[error("search engine `{engine}` cannot be set up: {reason}")]
    Setup {
        /// Which.
        engine: String,
        /// What is wrong with which setting.
        reason: String,
    },
    /// Transient.
    #[error("search engine `{engine}` cannot be reached: {reason}")]
    Unreachable {
        /// Which.
        engine: String,
        /// What the connection said.
        reason: String,
    },
    /// Transient.
    #[error("search engine `{engine}` did not answer within {waited_ms} ms")]
    TimedOut {
        /// Which.
        engine: String,
        /// How long.
        waited_ms: u64,
    },
    /// Transient: overloaded, restarting, or some of its shards are away.
    #[error("search engine `{engine}` answered {status}: {reason}")]
    Busy {
        /// Which.
        engine: String,
        /// 429, 502, 503, 504; 200 where only a part of the shards answered.
        status: u16,
        /// In its own words.
        reason: String,
    },
    /// Changes wait; lists go on.
    #[error(
        "index `{index}` takes no changes: {reason}; make room on the engine's disks, changes wait meanwhile"
    )]
    Blocked {
        /// Which.
        index: String,
        /// In the engine's words.
        reason: String,
    },
    /// Nothing of that name, or it was deleted.
    #[error("search engine `{engine}` has no `{name}`; an invalidator with this `search` builds it")]
    Missing {
        /// Which engine.
        engine: String,
        /// Alias or index.
        name: String,
    },
    /// The name belongs to somebody else.
    #[error("`{name}` is not an alias of one of our indexes ({found}); choose another name, or remove it")]
    Foreign {
        /// As configured.
        name: String,
        /// What it is.
        found: String,
    },
    /// An index made by another version of this program.
    #[error(
        "index `{index}` has mapping version {found}, this program reads {expected}; \
         let an invalidator of this version rebuild it, or run the version that made it"
    )]
    Version {
        /// Behind the alias.
        index: String,
        /// In it.
        found: u64,
        /// Ours.
        expected: u64,
    },
    /// Somebody has to bring it up to date.
    #[error("search engine `{engine}` is {found}, expected version {expected} or newer")]
    Old {
        /// Which.
        engine: String,
        /// `Elasticsearch 7.17.0`
        found: String,
        /// The oldest major version that is tested.
        expected: u32,
    },
    /// The new index is not put in the place of the old one.
    #[error(
        "index `{new}` has {found} shops, `{old}` has {before}: more than {loss_percent_max} % would be lost; \
         if that is right, raise `search_index.loss_percent_max`"
    )]
    TooFew {
        /// Built beside.
        new: String,
        /// Asked until now.
        old: String,
        /// In the new one.
        found: u64,
        /// In the old one.
        before: u64,
        /// As configured.
        loss_percent_max: u8,
    },
    /// There is nothing to go back to.
    #[error("`{name}` has no earlier index of mapping version {version} to go back to")]
    NothingBefore {
        /// The alias.
        name: String,
        /// Ours.
        version: u64,
    },
    /// 401 or 403.
    #[error("search engine `{engine}` refused: {reason}; look at `search_access`")]
    Refused {
        /// Which.
        engine: String,
        /// In its own words.
        reason: String,
    },
    /// An answer that nobody expected: another version, a proxy, a mistake of ours.
    #[error("search engine `{engine}` answered {status} to {what}: {reason}")]
    Unexpected {
        /// Which.
        engine: String,
        /// As it came.
        status: u16,
        /// What was asked.
        what: String,
        /// In its own words, shortened.
        reason: String,
    },
}

impl EngineError {
    /// Whether the same call may succeed later without help of anybody here.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Busy { .. } | Self::Blocked { .. }
        )
    }
}
