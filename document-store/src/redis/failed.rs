//! What the server said -> what a caller can do about it. Never with a password.

use redis::{ErrorKind, RedisError};

use crate::StoreError;

/// Why a command has no answer.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// The server, or the connection to it.
    Said(RedisError),
    /// Nobody said anything.
    Late { waited_ms: u64 },
    /// Something that is known well enough already.
    Known(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

impl Failed {
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Said(error) => error.code(),
            Self::Late { .. } | Self::Known(_) => None,
        }
    }

    /// The script is not known there: another process, or one that was told to forget.
    pub(super) fn is_no_script(&self) -> bool {
        self.code() == Some("NOSCRIPT")
    }

    pub(super) fn is_wrong_type(&self) -> bool {
        self.code() == Some("WRONGTYPE")
    }

    /// For whoever called. `store` names it without a password.
    pub(super) fn told(self, store: &str) -> StoreError {
        match self {
            Self::Known(error) => error,
            Self::Late { waited_ms } => StoreError::TimedOut { store: store.to_owned(), waited_ms },
            Self::Said(error) => said(store, &error),
        }
    }
}

fn said(store: &str, error: &RedisError) -> StoreError {
    let detail = error.detail().unwrap_or_default();
    let unavailable = |reason: String| StoreError::Unavailable { store: store.to_owned(), reason };
    let unusable = |reason: String| StoreError::Unusable { store: store.to_owned(), reason };
    let full = |reason: String| StoreError::Full { store: store.to_owned(), reason };
    if error.kind() == ErrorKind::InvalidClientConfig {
        return unusable(format!("it cannot be connected to like this: {error}"));
    }
    match error.code().unwrap_or_default() {
        "WRONGPASS" | "NOAUTH" => unusable(refused(error)),
        _ if error.kind() == ErrorKind::AuthenticationFailed => unusable(refused(error)),
        "NOPERM" => unusable(format!(
            "this user may not do what is needed ({detail}); `docs/redis.md` lists the rights"
        )),
        "OOM" => full("`maxmemory` is used up; raise it".to_owned()),
        "MISCONF" => full(format!(
            "the server cannot write its own files and refuses changes ({detail}); make room on its disk"
        )),
        "WRONGTYPE" => unusable("something else is stored under its keys; choose another name".to_owned()),
        "LOADING" => unavailable("the server is still loading its data into memory".to_owned()),
        "READONLY" => {
            unavailable("the server is a replica; name all servers of the pair in the address".to_owned())
        }
        _ => unavailable(error.to_string()),
    }
}

fn refused(error: &RedisError) -> String {
    format!(
        "the server refuses user name or password ({error}); give them in the address or in `store_password_file`"
    )
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    fn told(code: &str) -> StoreError {
        Failed::Said(make_extension_error(code.to_owned(), Some("the server's words".to_owned())))
            .told("redis://a/b")
    }

    #[test]
    fn what_waiting_heals_is_transient_and_what_somebody_must_do_is_said() {
        for (code, is_transient, expected) in [
            ("WRONGPASS", false, "store_password_file"),
            ("NOAUTH", false, "user name or password"),
            ("OOM", false, "raise it"),
            ("MISCONF", false, "make room on its disk"),
            ("NOPERM", false, "lists the rights"),
            ("LOADING", true, "still loading"),
            ("READONLY", true, "name all servers"),
            ("NOREPLICAS", true, "the server's words"),
            ("WRONGTYPE", false, "choose another name"),
        ] {
            let error = told(code);
            assert_eq!(error.is_transient(), is_transient, "{code}: {error}");
            assert!(error.to_string().contains(expected), "{code}: {error}");
        }
        let late = Failed::Late { waited_ms: 70 }.told("redis://a/b");
        assert_eq!(late.to_string(), "store `redis://a/b` did not answer within 70 ms");
    }
}
