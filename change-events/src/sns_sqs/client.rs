//! Address and the usual credentials chain -> clients whose every call ends in bounded time.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_sqs::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::SnsSqsAddress;

/// The longest that SQS lets a receive wait.
pub(super) const LONG_POLL: Duration = Duration::from_secs(20);

const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);
const OPERATION: Duration = Duration::from_secs(12);
/// Throttling and 5xx are tried again by the client, with jitter, before we hear of them.
const ATTEMPTS_MAX: u32 = 3;

/// Cloning shares connections and credentials.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Asks nobody anything: credentials are fetched by the first call, and again before they expire.
    pub(super) async fn load(address: &SnsSqsAddress) -> Self {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(address.region.clone()))
            .http_client(http)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            // Every attempt has its own end; a long poll that stays silent is no stalled stream.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if address.is_local() {
            // A stand-in takes any, but some take the key for the account.
            let any = Credentials::new(address.account.clone(), "local", None, None, "local stand-in");
            loader = loader.credentials_provider(any);
        }
        // Tens of kilobytes otherwise, in whoever waits for it.
        let shared = Box::pin(loader.load()).await;
        let (mut sns, mut sqs) =
            (aws_sdk_sns::config::Builder::from(&shared), aws_sdk_sqs::config::Builder::from(&shared));
        sns.set_endpoint_url(address.endpoint.clone());
        sqs.set_endpoint_url(address.endpoint.clone());
        Self {
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        }
    }
}

/// What one receive changes: it waits, and whoever receives tries again by itself.
pub(super) fn receiving(wait: Duration) -> aws_sdk_sqs::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(wait + ATTEMPT)
        .operation_timeout(wait + ATTEMPT);
    aws_sdk_sqs::Config::builder().timeout_config(timeouts.build()).retry_config(RetryConfig::disabled())
}
