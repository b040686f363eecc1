//! SQS queues of a marketplace's invalidator, as an operator sees them.

use anyhow::Context as _;
use serde_json::{Value, json};
use shop_id::Writer;

use crate::aws::{StandIn, setting};

/// Of all writers.
#[derive(Clone, Debug)]
pub struct Queues {
    asked: StandIn,
    account: String,
    prefix: String,
}

/// A message that was put out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it was.
    pub body: String,
    /// Why.
    pub reason: String,
}

impl Queues {
    /// `sns-sqs://region/account/prefix?endpoint=…`
    ///
    /// # Errors
    /// When the address is none of a stand-in.
    pub fn at(address: &str) -> anyhow::Result<Self> {
        let wrong = || format!("`{address}` is no `sns-sqs://region/account/prefix?endpoint=…`");
        let path = address.strip_prefix("sns-sqs://").with_context(wrong)?;
        let mut parts = path.split('?').next().unwrap_or_default().split('/').map(str::to_owned);
        let mut part = || parts.next().with_context(wrong);
        let (region, account, prefix) = (part()?, part()?, part()?);
        let endpoint = setting(address, "endpoint").with_context(wrong)?.to_owned();
        let asked = StandIn { endpoint, region, key: account.clone() };
        Ok(Self { asked, account, prefix })
    }

    fn name(&self, writer: Writer) -> String {
        format!("{}-{writer}-invalidator", self.prefix)
    }

    async fn url(&self, name: &str) -> anyhow::Result<String> {
        let found = self.asked.call("sqs", "AmazonSQS.GetQueueUrl", &json!({"QueueName": name})).await?;
        Ok(found["QueueUrl"].as_str().context("a queue has a URL")?.to_owned())
    }

    async fn of_queue(&self, name: &str, action: &str, mut body: Value) -> anyhow::Result<Value> {
        body["QueueUrl"] = self.url(name).await?.into();
        self.asked.call("sqs", &format!("AmazonSQS.{action}"), &body).await
    }

    /// Whether what is announced from now on comes to the queue.
    ///
    /// # Errors
    /// When the stand-in does not answer, or has no such topic yet.
    pub async fn is_subscribed(&self, writer: Writer) -> anyhow::Result<bool> {
        let Self { asked, account, prefix } = self;
        let topic = format!("arn:aws:sns:{}:{account}:{prefix}-{writer}", asked.region);
        let question =
            [("Action", "ListSubscriptionsByTopic"), ("Version", "2010-03-31"), ("TopicArn", &topic)];
        let subscriptions = asked.form("sns", &question).await?;
        Ok(subscriptions.contains(&format!("arn:aws:sqs:{}:{account}:{}<", asked.region, self.name(writer))))
    }

    /// Messages that wait to be received, or were received and will come again.
    ///
    /// # Errors
    /// When the stand-in does not answer.
    pub async fn waiting(&self, writer: Writer) -> anyhow::Result<u64> {
        let counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let found = self
            .of_queue(&self.name(writer), "GetQueueAttributes", json!({"AttributeNames": counts}))
            .await?;
        let mut waiting = 0;
        for count in counts {
            let count = found["Attributes"][count].as_str();
            waiting += count.context("a queue says how many messages it has")?.parse::<u64>()?;
        }
        Ok(waiting)
    }

    /// All messages are gone.
    ///
    /// # Errors
    /// When the stand-in refuses.
    pub async fn purge(&self, writer: Writer) -> anyhow::Result<()> {
        self.of_queue(&self.name(writer), "PurgeQueue", json!({})).await.map(drop)
    }

    /// The queue is gone, with all messages.
    ///
    /// # Errors
    /// When the stand-in refuses.
    pub async fn delete(&self, writer: Writer) -> anyhow::Result<()> {
        self.of_queue(&self.name(writer), "DeleteQueue", json!({})).await.map(drop)
    }

    /// Somebody puts a message of his own into the queue.
    ///
    /// # Errors
    /// When the stand-in refuses.
    pub async fn send(&self, writer: Writer, body: &str) -> anyhow::Result<()> {
        self.of_queue(&self.name(writer), "SendMessage", json!({"MessageBody": body})).await.map(drop)
    }

    /// Some of what was put out of the way; nobody else sees it for a moment.
    ///
    /// # Errors
    /// When the stand-in refuses.
    pub async fn dead_letters(&self, writer: Writer) -> anyhow::Result<Vec<DeadLetter>> {
        let wanted =
            json!({"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "VisibilityTimeout": 1});
        let found = self.of_queue(&format!("{}-dead", self.name(writer)), "ReceiveMessage", wanted).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let letter = |message: &Value| DeadLetter {
            body: text(&message["Body"]),
            reason: text(&message["MessageAttributes"]["reason"]["StringValue"]),
        };
        Ok(found["Messages"].as_array().into_iter().flatten().map(letter).collect())
    }
}
