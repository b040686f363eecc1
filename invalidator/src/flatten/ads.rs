//! Campaigns into seconds.

use shop_document::{AdsSectionFacts, Campaign};
use writer_api::AdFacts;

use super::LeftOut;

/// All that is shown of the ads writer's section.
pub(super) fn section(facts: AdFacts, left_out: &mut Vec<LeftOut>) -> AdsSectionFacts {
    let mut campaigns = Vec::with_capacity(facts.campaigns.len());
    for (index, campaign) in facts.campaigns.into_iter().enumerate() {
        let (starts, ends) = (campaign.starts_at.as_second(), campaign.ends_at.as_second());
        if starts >= ends {
            let (from, until) = (campaign.starts_at, campaign.ends_at);
            let reason = format!("ends at `{until}`, expected later than its start `{from}`");
            left_out.push(LeftOut::at(format!("campaigns[{index}].ends_at"), reason));
            continue;
        }
        campaigns.push(Campaign { label: campaign.label, starts, ends, weight: campaign.weight });
    }
    AdsSectionFacts { campaigns }
}

#[cfg(test)]
mod tests {
    use writer_api::facts;

    use super::*;

    fn campaign(label: &str, starts_at: &str, ends_at: &str) -> facts::Campaign {
        facts::Campaign {
            id: label.to_owned(),
            label: label.to_owned(),
            starts_at: starts_at.parse().unwrap(),
            ends_at: ends_at.parse().unwrap(),
            weight: 10,
        }
    }

    #[test]
    fn campaigns_keep_their_order_and_one_that_never_runs_is_left_out() {
        let campaigns = vec![
            campaign("Late", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"),
            campaign("Never", "2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"),
            campaign("Early", "2026-01-01T00:00:00+09:00", "2026-01-01T00:00:01+09:00"),
        ];
        let mut left_out = Vec::new();
        let section = section(AdFacts { campaigns, generated: vec![] }, &mut left_out);
        let kept: Vec<_> =
            section.campaigns.iter().map(|ad| (ad.label.as_str(), ad.ends - ad.starts)).collect();
        assert_eq!(kept, [("Late", 86_400), ("Early", 1)]);
        assert_eq!(
            left_out,
            [LeftOut::at(
                "campaigns[1].ends_at",
                "ends at `2026-11-01T00:00:00Z`, expected later than its start `2026-11-02T00:00:00Z`"
            )]
        );
    }
}
