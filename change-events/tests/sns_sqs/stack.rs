//! `deploy/aws/` as it is, created: an event travels through what CloudFormation made, and nothing else.

use std::time::Duration;

use change_events::EventPublisher as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Own, PATIENCE, all_arrive, endpoint, events};

const TOPIC: &str = include_str!("../../../deploy/aws/topic.yaml");
const QUEUE: &str = include_str!("../../../deploy/aws/queue.yaml");
const STORE: &str = include_str!("../../../deploy/aws/store.yaml");
const ROLES: &str = include_str!("../../../deploy/aws/roles.yaml");

/// One question to CloudFormation.
async fn asked(form: &[(&str, &str)]) -> String {
    let encoded: Vec<String> = form
        .iter()
        .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let body = encoded.join("&");
    let server = endpoint().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=000000000000/20261123/eu-west-1/cloudformation/aws4_request, \
         SignedHeaders=host, Signature=none\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(&server).await.unwrap();
    connection.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Creates a stack and waits until it is complete.
async fn created(own: &Own, what: &str, template: &str, parameters: &[(&str, &str)]) {
    let name = format!("{}-{what}", own.0.prefix);
    let mut form = vec![
        ("Action", "CreateStack".to_owned()),
        ("Version", "2010-05-15".to_owned()),
        ("StackName", name.clone()),
        ("TemplateBody", template.to_owned()),
        ("Capabilities.member.1", "CAPABILITY_IAM".to_owned()),
    ];
    let keys: Vec<[String; 2]> = (1..=parameters.len() + 1)
        .map(|number| ["Key", "Value"].map(|part| format!("Parameters.member.{number}.Parameter{part}")))
        .collect();
    let parameters = parameters.iter().copied().chain([("Prefix", own.0.prefix.as_str())]);
    for ([key, value], (name, given)) in keys.iter().zip(parameters) {
        form.extend([(key.as_str(), name.to_owned()), (value.as_str(), given.to_owned())]);
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let answer = asked(&form).await;
    assert!(answer.contains("<StackId>"), "{answer}");
    let complete = async {
        loop {
            let question =
                [("Action", "DescribeStackEvents"), ("Version", "2010-05-15"), ("StackName", name.as_str())];
            let told = asked(&question).await;
            assert!(!told.contains("_FAILED") && !told.contains("ROLLBACK"), "{what}: {told}");
            let stack = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", &name)];
            if asked(&stack).await.contains("<StackStatus>CREATE_COMPLETE<") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, complete).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_travels_through_what_cloudformation_made() {
    drop(Own::new().await);
    let own = Own::at(&endpoint(), "");
    created(&own, "topic", TOPIC, &[("Writer", "ads")]).await;
    created(&own, "queue", QUEUE, &[("Writer", "ads"), ("Subscriber", "one")]).await;
    // Programs may create nothing.
    let consumer = own.listening(Duration::from_secs(600)).await;
    own.announcing().publish(&events(1..=25)).await.unwrap();
    assert_eq!(all_arrive(&consumer, 1..=25).await, 25);
    let (_, sqs) = own.sdk().await;
    sqs.send_message().queue_url(own.queue_url().await + "-dead").message_body("?").send().await.unwrap();
    let redriven = consumer.redrive(PATIENCE).await.unwrap();
    assert!(redriven.is_complete && redriven.messages == 1, "{redriven:?}");
    // A second subscriber: its own stack, and none of the writer's.
    created(&own, "another", QUEUE, &[("Writer", "ads"), ("Subscriber", "two")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn store_and_roles_are_created() {
    let own = Own::at(&endpoint(), "");
    created(&own, "store", STORE, &[]).await;
    created(&own, "roles", ROLES, &[]).await;
}
