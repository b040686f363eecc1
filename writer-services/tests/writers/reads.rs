//! The read contract, asked through the client that subscribers use.

use reqwest::Method;
use serde_json::{Value, json};
use shop_id::{Revision, ShopId, Writer};
use writer_api::{Facts, RefetchError, SectionState, WriterReads as _};

use crate::running::{Running, campaign, facts, shop, stars};

#[tokio::test(flavor = "multi_thread")]
async fn one_section_is_present_nothing_or_gone() {
    let writer = Running::start(Writer::Shop).await;
    let here = writer.create("Here").await;
    let closed = writer.create("Closed").await;
    writer.change(Method::DELETE, &format!("/v1/shops/{closed}"), &Value::Null).await;
    let client = writer.client();
    let section = client.section(here).await.unwrap();
    assert_eq!((section.revision, section.as_of_sequence), (Revision::new(1, 1), Revision::new(1, 3)));
    let SectionState::Present(held) = section.state else { panic!("{:?}", section.state) };
    let Facts::Shop(held) = *held else { panic!("{held:?}") };
    let expected: writer_api::ShopFacts = serde_json::from_value(facts("Here")).unwrap();
    assert_eq!(held, expected);
    let section = client.section(closed).await.unwrap();
    assert_eq!((section.state, section.revision), (SectionState::Gone, Revision::new(1, 3)));
    for unknown in [shop(999), shop(u64::MAX)] {
        let section = client.section(unknown).await.unwrap();
        assert_eq!((section.state, section.revision), (SectionState::Nothing, Revision::ZERO));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sections_come_in_the_asked_order() {
    let writer = Running::start(Writer::Reviews).await;
    for number in 1..=5 {
        writer.change(Method::PUT, &format!("/v1/reviews/{number}"), &stars(number)).await;
    }
    let asked: Vec<ShopId> = [5, 99, 1, 3].map(shop).into();
    let answer = writer.client().sections(&asked).await.unwrap();
    let answered: Vec<(u64, u64)> =
        answer.sections.iter().map(|section| (section.shop_id.get(), section.revision.counter)).collect();
    assert_eq!(answered, [(5, 5), (99, 0), (1, 1), (3, 3)]);
    let many: Vec<ShopId> = (1..=450).map(shop).collect();
    assert_eq!(writer.client().sections(&many).await.unwrap().sections.len(), 450);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_section_once_by_ascending_id() {
    let writer = Running::start(Writer::Ads).await;
    for number in [30, 10, 20, 50, 40] {
        writer.change(Method::PUT, &format!("/v1/ads/{number}"), &campaign("Ad")).await;
    }
    writer.change(Method::DELETE, "/v1/ads/40", &Value::Null).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = writer.client().page(after, 2).await.unwrap();
        assert_eq!(page.as_of_sequence, Revision::new(1, 6));
        assert!(page.sections.len() <= 2);
        seen.extend(page.sections.iter().map(|section| section.shop_id.get()));
        after = page.next_page_after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [10, 20, 30, 40, 50]);
    let behind_all = writer.client().page(Some(shop(u64::MAX)), 10).await.unwrap();
    assert!(behind_all.sections.is_empty() && behind_all.next_page_after.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_before_it_becomes_too_large_to_read() {
    let writer = Running::start(Writer::Shop).await;
    let item = |id: usize| json!({"id": id.to_string(), "group": "G", "name": "N", "description": "x".repeat(1_900), "price": {"amount": 1, "currency": "GBP"}});
    let mut large = facts("Large");
    large["menu"] = (0..250).map(item).collect();
    let rows: Value = (0..20).map(|_| json!({"facts": large})).collect();
    for _ in 0..2 {
        let (status, _) = writer.ask(Method::POST, "/v1/shops/bulk", &rows).await;
        assert_eq!(status, 200);
    }
    let page = writer.client().page(None, 1_000).await.unwrap();
    assert!((20..40).contains(&page.sections.len()), "{}", page.sections.len());
    let rest = writer.client().page(page.next_page_after, 1_000).await.unwrap();
    assert_eq!((page.sections.len() + rest.sections.len(), rest.next_page_after), (40, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_since_tells_each_shop_at_its_newest_commit() {
    let writer = Running::start(Writer::Ads).await;
    for (number, label) in [(1, "a"), (2, "a"), (1, "b"), (3, "a")] {
        writer.change(Method::PUT, &format!("/v1/ads/{number}"), &campaign(label)).await;
    }
    let told = async |after: Revision, limit: usize| {
        let answer = writer.client().changes(after, limit).await.unwrap();
        let changes: Vec<(u64, u64)> =
            answer.changes.iter().map(|change| (change.shop_id.get(), change.revision.counter)).collect();
        (changes, answer.next_cursor.to_string(), answer.has_more)
    };
    let all = vec![(2, 2), (1, 3), (3, 4)];
    assert_eq!(told(Revision::ZERO, 100).await, (all, "1-4".to_owned(), false));
    assert_eq!(told(Revision::ZERO, 2).await, (vec![(2, 2), (1, 3)], "1-3".to_owned(), true));
    assert_eq!(told(Revision::new(1, 3), 2).await, (vec![(3, 4)], "1-4".to_owned(), false));
    assert_eq!(told(Revision::new(1, 4), 2).await, (vec![], "1-4".to_owned(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_old_cursors_are_gone_and_every_section_is_newer_than_what_was_lost() {
    let mut writer = Running::start(Writer::Ads).await;
    writer.change(Method::PUT, "/v1/ads/7", &campaign("Before")).await;
    writer.restart(|config| config.epoch_at_least = 2).await;
    let client = writer.client();
    let section = client.section(shop(7)).await.unwrap();
    assert_eq!((section.revision, section.as_of_sequence), (Revision::new(2, 1), Revision::new(2, 1)));
    match client.changes(Revision::new(1, 1), 10).await {
        Err(RefetchError::CursorExpired { detail, .. }) => {
            assert!(
                detail.contains("the newest commit is 2-1") && detail.contains("read all pages"),
                "{detail}"
            );
        }
        other => panic!("{other:?}"),
    }
    let all = client.changes(Revision::ZERO, 10).await.unwrap();
    assert_eq!((all.changes.len(), all.next_cursor), (1, Revision::new(2, 1)));
    let changed = writer.change(Method::PUT, "/v1/ads/7", &campaign("After")).await;
    assert_eq!(changed.said(), "changed ads:2-2", "counters only grow");
    // Started again with the same key, the epoch stays.
    writer.restart(|_| {}).await;
    assert_eq!(writer.client().section(shop(7)).await.unwrap().revision, Revision::new(2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_commits_that_were_never_made_is_gone_too() {
    let writer = Running::start(Writer::Ads).await;
    for ahead in [Revision::new(1, 50), Revision::new(3, 0)] {
        let refused = writer.client().changes(ahead, 10).await.unwrap_err();
        assert!(matches!(refused, RefetchError::CursorExpired { .. }), "{refused}");
        assert!(refused.to_string().contains("restored from a backup"), "{refused}");
    }
    assert!((writer.counted("cursors_ahead_total") - 2.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_a_restart() {
    let mut writer = Running::start(Writer::Shop).await;
    writer.create("Lasting").await;
    writer.restart(|_| {}).await;
    assert_eq!(writer.get("/v1/shops/1").await.1["facts"]["name"], "Lasting");
    assert_eq!(writer.create("Next").await.get(), 2);
}
