//! Prefix, writer and subscriber -> the names of topics and queues. CloudFormation uses the same ones.

use shop_id::Writer;

use super::SnsSqsAddress;

/// `<prefix>-<writer>`
pub(super) fn topic(address: &SnsSqsAddress, writer: Writer) -> String {
    format!("{}-{writer}", address.prefix)
}

/// `<prefix>-<writer>-<subscriber>`
pub(super) fn queue(address: &SnsSqsAddress, writer: Writer, subscriber: &str) -> String {
    format!("{}-{writer}-{subscriber}", address.prefix)
}

/// Of the dead-letter queue of this queue.
pub(super) fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}-dead")
}

/// `arn:aws:<service>:<region>:<account>:<name>`
pub(super) fn arn(address: &SnsSqsAddress, service: &str, name: &str) -> String {
    let SnsSqsAddress { region, account, .. } = address;
    let partition = match region.as_str() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:{service}:{region}:{account}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_queue_it_is() {
        let mut address: SnsSqsAddress = "eu-west-1/123456789012/shopfront".parse().unwrap();
        let topic = topic(&address, Writer::OrderRelay);
        assert_eq!(arn(&address, "sns", &topic), "arn:aws:sns:eu-west-1:123456789012:shopfront-order-relay");
        let queue = queue(&address, Writer::Ads, "invalidator");
        assert_eq!(dead_letter_queue(&queue), "shopfront-ads-invalidator-dead");
        address.region = "cn-north-1".to_owned();
        assert_eq!(arn(&address, "sqs", "q"), "arn:aws-cn:sqs:cn-north-1:123456789012:q");
        address.region = "us-gov-west-1".to_owned();
        assert_eq!(arn(&address, "sqs", "q"), "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q");
    }

    #[test]
    fn the_longest_name_fits_into_the_80_characters_of_a_queue() {
        let prefix = "p".repeat(32);
        let address: SnsSqsAddress = format!("eu-west-1/123456789012/{prefix}").parse().unwrap();
        let longest = dead_letter_queue(&queue(&address, Writer::OrderRelay, "subscriber-of-all-of-them"));
        assert!(longest.len() <= 80, "{longest}");
    }
}
