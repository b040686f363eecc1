//! What DynamoDB said, or did not say -> what a caller can do about it. Never with credentials.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use crate::StoreError;

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// DynamoDB, or the way to it.
    Said { kind: Kind, said: String },
    /// Nobody said anything.
    Late { waited_ms: u64 },
    /// Something that is known well enough already.
    Known(StoreError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The table.
    Missing,
    Denied,
    /// None, or wrong ones.
    Credentials,
    /// They were good once.
    Expired,
    /// Signed at a time that is not now.
    Clock,
    Throttled,
    /// Nobody there.
    Unreachable,
    /// 5xx and its like.
    Broken,
    /// Somebody else changed what was to be replaced.
    Condition,
    /// Somebody else is changing it at this moment.
    Conflict,
    /// A request that will never be right.
    Refused,
}

/// As much of an error as helps to know it by: it names every layer between us and the socket.
const SAID_CHARS_MAX: usize = 400;

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

impl Failed {
    /// `operation`: as policies call it.
    pub(super) fn of<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (kind, said) = match (error.code(), status) {
            (Some(code), status) => {
                let message = error.message().unwrap_or("no reason given");
                (kind_of(code, message, status), format!("{code}: {message}"))
            }
            (None, Some(413)) => (Kind::Refused, "answered 413".to_owned()),
            (None, Some(status)) => (Kind::Broken, format!("answered {status} without a reason")),
            (None, None) => {
                let context = DisplayErrorContext(error).to_string();
                let is_about_credentials = context.contains("redentials") || context.contains("identity");
                let kind = if is_about_credentials { Kind::Credentials } else { Kind::Unreachable };
                (kind, context)
            }
        };
        let said = said.chars().take(SAID_CHARS_MAX).collect::<String>();
        Self::Said { kind, said: format!("dynamodb:{operation}: {said}") }
    }

    /// Of a transaction that was cancelled the worst reason.
    pub(super) fn of_transaction(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Self {
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        else {
            return Self::of("TransactWriteItems", error);
        };
        let reasons = || cancelled.cancellation_reasons().iter();
        let is_there =
            |codes: &[&str]| reasons().any(|reason| reason.code().is_some_and(|code| codes.contains(&code)));
        let kind = if is_there(&["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"]) {
            Kind::Refused
        } else if is_there(&["ConditionalCheckFailed"]) {
            Kind::Condition
        } else if is_there(&["TransactionConflict", "DuplicateItem"]) {
            Kind::Conflict
        } else {
            Kind::Throttled
        };
        let words: Vec<String> = reasons()
            .filter(|reason| reason.code().is_some_and(|code| code != "None"))
            .map(|reason| {
                format!("{}: {}", reason.code().unwrap_or_default(), reason.message().unwrap_or_default())
            })
            .take(3)
            .collect();
        Self::Said { kind, said: format!("dynamodb:TransactWriteItems: {}", words.join("; ")) }
    }

    pub(super) const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Said { kind, .. } => Some(*kind),
            Self::Late { .. } | Self::Known(_) => None,
        }
    }

    /// Whether asking again in a moment may help.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self.kind(), Some(Kind::Throttled | Kind::Broken | Kind::Unreachable | Kind::Conflict))
    }

    /// For whoever called.
    pub(super) fn told(self, store: &str) -> StoreError {
        let store = store.to_owned();
        let (kind, said) = match self {
            Self::Known(error) => return error,
            Self::Late { waited_ms } => return StoreError::TimedOut { store, waited_ms },
            Self::Said { kind, said } => (kind, said),
        };
        let reason = format!("{} ({said})", kind.advice());
        if kind.is_transient() {
            StoreError::Unavailable { store, reason }
        } else {
            StoreError::Unusable { store, reason }
        }
    }
}

impl Kind {
    /// A table and credentials may come later: programs start before them, and say what they wait for.
    const fn is_transient(self) -> bool {
        !matches!(self, Self::Denied | Self::Credentials | Self::Refused)
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Missing => {
                "there is no such table in this region and account; create its stack (`deploy/aws`), or for development \
                 add `create=true` to the invalidator's `store`"
            }
            Self::Denied => "the role may not; `docs/dynamodb.md` lists the rights",
            Self::Credentials => {
                "there are no usable credentials; give the program a role (instance, container, web identity), or \
                 `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`"
            }
            Self::Expired => {
                "the credentials have expired; a role's are fetched again by themselves, given ones have to be renewed"
            }
            Self::Clock => "the clock of this host is wrong; set it by NTP",
            Self::Throttled => {
                "DynamoDB throttles; it is tried again, raise the table's capacity or the account's quota if it lasts"
            }
            Self::Unreachable => "no answer; check region, `endpoint`, DNS and the way out of the network",
            Self::Broken => "DynamoDB has a problem; it is tried again",
            Self::Condition | Self::Conflict => "others save the same at the same time; it is tried again",
            Self::Refused => "DynamoDB refuses the request; is this a table of ours?",
        }
    }
}

fn kind_of(code: &str, message: &str, status: Option<u16>) -> Kind {
    let short = code.rsplit(['.', '#']).next().unwrap_or(code);
    let is_about_time =
        ["Signature expired", "Signature not yet current", "expired: ", "is now earlier than"]
            .iter()
            .any(|words| message.contains(words));
    match short.strip_suffix("Exception").unwrap_or(short) {
        "ResourceNotFound" | "TableNotFound" => Kind::Missing,
        "AccessDenied" | "NotAuthorized" => Kind::Denied,
        "InvalidSignature" | "SignatureDoesNotMatch" if is_about_time => Kind::Clock,
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Kind::Clock,
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthentication"
        | "IncompleteSignature" => Kind::Credentials,
        "ExpiredToken" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,
        "ProvisionedThroughputExceeded"
        | "Throttling"
        | "RequestLimitExceeded"
        | "ThrottlingError"
        | "LimitExceeded"
        | "TooManyRequests"
        | "SlowDown" => Kind::Throttled,
        "ConditionalCheckFailed" => Kind::Condition,
        "TransactionConflict" | "TransactionInProgress" => Kind::Conflict,
        _ if status.is_some_and(|status| status >= 500) => Kind::Broken,
        "InternalServerError" | "InternalFailure" | "ServiceUnavailable" | "ReplicatedWriteConflict" => {
            Kind::Broken
        }
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_heals_is_transient_and_what_somebody_must_do_is_said() {
        for (code, message, is_transient, expected) in [
            ("ResourceNotFoundException", "", true, "create=true"),
            ("AccessDeniedException", "User is not authorized", false, "lists the rights"),
            ("UnrecognizedClientException", "The security token is invalid", false, "AWS_PROFILE"),
            (
                "com.amazon.coral.service#InvalidSignatureException",
                "Signature expired: 20261124",
                true,
                "NTP",
            ),
            ("InvalidSignatureException", "The request signature does not match", false, "AWS_PROFILE"),
            ("ExpiredTokenException", "", true, "renewed"),
            ("ProvisionedThroughputExceededException", "", true, "raise the table's capacity"),
            ("ThrottlingException", "", true, "account's quota"),
            ("InternalServerError", "", true, "tried again"),
            ("ValidationException", "The provided key element does not match", false, "a table of ours"),
        ] {
            let said = format!("{code}: {message}");
            let error = Failed::Said { kind: kind_of(code, message, Some(400)), said }.told("dynamodb://r/t");
            assert_eq!(error.is_transient(), is_transient, "{code}: {error}");
            assert!(error.to_string().contains(expected) && error.to_string().contains(code), "{error}");
        }
        assert_eq!(kind_of("Anything", "", Some(503)), Kind::Broken);
    }
}
