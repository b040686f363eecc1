//! An address and the usual credentials -> whoever asks DynamoDB.

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::address::DynamoDbAddress;

/// Asks nobody anything: credentials are fetched by the first call, and again before they expire.
pub(super) async fn connect(address: &DynamoDbAddress) -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(address.patience);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(address.region.clone()))
        .http_client(http)
        .timeout_config(timeouts.build())
        // Whoever asks knows how long it may take, and that a save may be sent again (`super::ask`).
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if address.is_local() {
        // A stand-in takes any.
        loader =
            loader.credentials_provider(Credentials::new("local", "local", None, None, "local stand-in"));
    }
    let shared = loader.load().await;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
    config.set_endpoint_url(address.endpoint.clone());
    Client::from_conf(config.build())
}
