//! What AWS said, or did not say -> a sentence that says what to do, and whether trying again may help.

use std::error::Error;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::EventError;

/// One call, or one entry of a batch, that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The topic or queue.
    Missing,
    Denied,
    /// None, or wrong ones.
    Credentials,
    /// They were good once.
    Expired,
    Throttled,
    /// No answer, or none in time.
    Unreachable,
    /// 5xx and its like.
    Broken,
    /// A receipt of a message that is not in our hands any more.
    Stale,
    /// A request that will never be right.
    Refused,
}

impl Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (error.code(), status) {
            (Some(code), status) => {
                let message = error.message().unwrap_or("no reason given");
                Self::said(code, message, status.is_none_or(|status| status < 500))
            }
            (None, Some(status)) => {
                let kind = match status {
                    403 => Kind::Denied,
                    429 => Kind::Throttled,
                    404 | 500.. => Kind::Broken,
                    _ => Kind::Refused,
                };
                Self { kind, said: format!("answered {status} without a reason") }
            }
            (None, None) => Self::unanswered(&DisplayErrorContext(error).to_string()),
        }
    }

    /// An error code, as answered for a whole call or for one entry of a batch. `is_ours`: not the server's fault.
    pub(super) fn said(code: &str, message: &str, is_ours: bool) -> Self {
        // `AWS.SimpleQueueService.NonExistentQueue`, `com.amazonaws.sqs#QueueDoesNotExist`, `ThrottledException`
        let short = code.rsplit(['.', '#']).next().unwrap_or(code);
        let kind = match short.strip_suffix("Exception").unwrap_or(short) {
            "QueueDoesNotExist"
            | "NonExistentQueue"
            | "NotFound"
            | "ResourceNotFound"
            | "QueueDeletedRecently" => Kind::Missing,
            "AccessDenied" | "AuthorizationError" | "KmsAccessDenied" | "KMSAccessDenied"
            | "InvalidSecurity" => Kind::Denied,
            "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "SignatureDoesNotMatch"
            | "InvalidSignature"
            | "MissingAuthenticationToken"
            | "IncompleteSignature"
            | "InvalidAccessKeyId" => Kind::Credentials,
            "ExpiredToken" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,
            "Throttling"
            | "Throttled"
            | "RequestThrottled"
            | "OverLimit"
            | "KmsThrottled"
            | "KMSThrottling"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "SlowDown" => Kind::Throttled,
            "ReceiptHandleIsInvalid" | "MessageNotInflight" => Kind::Stale,
            // "… is beyond the limit [43200 seconds]", "The receipt handle has expired"
            "InvalidParameterValue"
                if message.contains("43200") || message.to_lowercase().contains("receipt handle") =>
            {
                Kind::Stale
            }
            _ if is_ours => Kind::Refused,
            _ => Kind::Broken,
        };
        Self { kind, said: format!("{code}: {message}") }
    }

    fn unanswered(context: &str) -> Self {
        let is_about_credentials = context.contains("credentials") || context.contains("identity");
        let kind = if is_about_credentials { Kind::Credentials } else { Kind::Unreachable };
        // Enough to know it by: the context names every layer between us and the socket.
        Self { kind, said: context.chars().take(400).collect() }
    }

    pub(super) fn invented(kind: Kind, said: impl Into<String>) -> Self {
        Self { kind, said: said.into() }
    }

    pub(super) const fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Unreachable | Kind::Broken | Kind::Expired)
    }

    /// `what`: the topic or queue; `right`: what was to be done, as policies call it.
    pub(super) fn about(self, what: &str, right: &str) -> EventError {
        let Self { kind, said } = &self;
        let advice = match kind {
            Kind::Missing => {
                "it is not there; create its stack in this region and account (`deploy/aws/README.md`), or set \
                 `create=true` in `events` for development"
            }
            Kind::Denied => "the role may not; allow it as `deploy/aws/roles.yaml` does",
            Kind::Credentials => {
                "there are no usable credentials; give the program a role (instance, container, web identity), or \
                 `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`"
            }
            Kind::Expired => {
                "the credentials have expired; a role's are fetched again by themselves, given ones have to be renewed"
            }
            Kind::Throttled => "AWS throttles; it is tried again, ask for a higher quota if it lasts",
            Kind::Unreachable => "no answer; check region, `endpoint`, DNS and the way out of the network",
            Kind::Broken => "AWS has a problem; it is tried again",
            Kind::Stale => "the message is in other hands by now",
            Kind::Refused => "AWS refuses the request",
        };
        let (queue, reason) = (what.to_owned(), format!("`{right}`: {advice} ({said})"));
        if self.is_transient() {
            EventError::Unavailable { queue, reason }
        } else {
            EventError::Unusable { queue, reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_what_to_do() {
        for (code, is_ours, kind, is_transient, advice) in [
            ("AWS.SimpleQueueService.NonExistentQueue", true, Kind::Missing, false, "deploy/aws/README.md"),
            ("com.amazonaws.sqs#QueueDoesNotExist", true, Kind::Missing, false, "create=true"),
            ("NotFoundException", true, Kind::Missing, false, "create=true"),
            ("AccessDeniedException", true, Kind::Denied, false, "roles.yaml"),
            ("AuthorizationError", true, Kind::Denied, false, "roles.yaml"),
            ("InvalidClientTokenId", true, Kind::Credentials, false, "AWS_PROFILE"),
            ("ExpiredToken", true, Kind::Expired, true, "renewed"),
            ("RequestThrottled", true, Kind::Throttled, true, "quota"),
            ("ThrottledException", true, Kind::Throttled, true, "quota"),
            ("OverLimit", true, Kind::Throttled, true, "quota"),
            ("InternalFailure", false, Kind::Broken, true, "tried again"),
            ("InvalidMessageContents", true, Kind::Refused, false, "refuses"),
            ("ReceiptHandleIsInvalid", true, Kind::Stale, false, "other hands"),
        ] {
            let failure = Failure::said(code, "said so", is_ours);
            assert_eq!((failure.kind, failure.is_transient()), (kind, is_transient), "{code}");
            let error = failure.about("shopfront-ads", "sqs:ReceiveMessage");
            assert_eq!(error.is_transient(), is_transient, "{code}");
            let error = error.to_string();
            for part in ["`shopfront-ads`", "`sqs:ReceiveMessage`", advice, code, "said so"] {
                assert!(error.contains(part), "{code}: {error}");
            }
        }
    }

    #[test]
    fn an_extension_beyond_twelve_hours_is_a_stale_receipt() {
        let said = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        assert_eq!(Failure::said("InvalidParameterValue", said, true).kind, Kind::Stale);
        assert_eq!(Failure::said("InvalidParameterValue", "Reason: empty", true).kind, Kind::Refused);
    }
}
