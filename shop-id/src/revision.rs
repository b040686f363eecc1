//! How new a writer's section is: `(epoch, counter)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{NameError, Writer};

/// One writer's version of what it owns, compared epoch first.
///
/// The counter is the writer's commit sequence and only grows; a restore from backup raises the epoch, so
/// that what was committed after the backup loses against what is committed after the restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision {
    /// Raised by a restore from backup. The first epoch is 1.
    pub epoch: u32,
    /// The commit sequence within the epoch. The first commit is 1; 0 stands before all commits.
    pub counter: u64,
}

impl Revision {
    /// Before every commit of every epoch: a cursor that has seen nothing.
    pub const ZERO: Self = Self { epoch: 0, counter: 0 };

    /// The revision `counter` of `epoch`.
    #[must_use]
    pub const fn new(epoch: u32, counter: u64) -> Self {
        Self { epoch, counter }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.epoch, self.counter)
    }
}

impl FromStr for Revision {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('-')
            .filter(|(epoch, counter)| digits(epoch) && digits(counter))
            .and_then(|(epoch, counter)| Some(Self::new(epoch.parse().ok()?, counter.parse().ok()?)))
            .ok_or_else(|| NameError::Revision { given: text.to_owned() })
    }
}

/// What a writer answers to a change, and what `?min_revision=` asks for: "at least this of that writer".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RevisionToken {
    /// Who committed.
    pub writer: Writer,
    /// What was committed.
    pub revision: Revision,
}

impl fmt::Display for RevisionToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.writer, self.revision)
    }
}

impl FromStr for RevisionToken {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.split_once(':')
            .and_then(|(writer, revision)| {
                Some(Self { writer: writer.parse().ok()?, revision: revision.parse().ok()? })
            })
            .ok_or_else(|| NameError::RevisionToken { given: text.to_owned() })
    }
}

macro_rules! text_in_json {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
text_in_json!(Revision, RevisionToken);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_writer_is_newer_than_all_it_committed_before() {
        assert!(Revision::new(2, 1) > Revision::new(1, u64::MAX));
        assert!(Revision::new(1, 1) > Revision::ZERO);
    }

    #[test]
    fn text_that_is_no_revision_is_refused_by_name() {
        for wrong in ["", "1", "1-", "-1", "1-+2", "1-2-3", "a-1", "4294967296-1"] {
            assert_eq!(wrong.parse::<Revision>(), Err(NameError::Revision { given: wrong.to_owned() }));
        }
        assert!("shops:1-2".parse::<RevisionToken>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_token_survives_text(epoch: u32, counter: u64, which in 0..Writer::ALL.len()) {
            let token = RevisionToken { writer: Writer::ALL[which], revision: Revision::new(epoch, counter) };
            proptest::prop_assert_eq!(token.to_string().parse::<RevisionToken>().unwrap(), token);
        }
    }
}
