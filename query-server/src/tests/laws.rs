//! What holds whatever happens.

use std::collections::HashMap;

use document_store::DocumentWriter;
use proptest::prelude::*;
use shop_document::{AdsSection, Campaign, Held, Sections, Zones};
use shop_id::{Revision, Writer};

use super::shops::*;
use crate::config::Config;

/// What may happen between two requests.
#[derive(Clone, Debug)]
enum Event {
    /// A shop is changed: its name, when it opens.
    Changed { shop: u64, opens: u16 },
    /// A shop's campaign.
    Advertised { shop: u64, starts: i64, lasts: i64 },
    /// Closed for good.
    Closed { shop: u64 },
    /// Time goes by.
    Later { seconds: i64 },
    /// The machine's clock is set back.
    SetBack { seconds: i64 },
    /// A writer is heard, the others are not.
    Heard { writer: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let shop = 1_u64..6;
    prop_oneof![
        // Around Monday at five, local time in London being UTC.
        3 => (shop.clone(), 16_u16 * 60..18 * 60).prop_map(|(shop, opens)| Event::Changed { shop, opens }),
        2 => (shop.clone(), -3_000_i64..3_000, 1_i64..3_000)
            .prop_map(|(shop, starts, lasts)| Event::Advertised { shop, starts, lasts }),
        1 => shop.prop_map(|shop| Event::Closed { shop }),
        4 => (1_i64..2_000).prop_map(|seconds| Event::Later { seconds }),
        1 => (1_i64..100).prop_map(|seconds| Event::SetBack { seconds }),
        1 => (0_usize..3).prop_map(|writer| Event::Heard { writer }),
    ]
}

async fn happens(event: &Event, counter: u64, servers: [&Server; 2]) {
    let now = servers[0].clock.now();
    let offered = match event {
        Event::Changed { shop, opens } => {
            let mut offered = sections(&format!("Shop at {counter}"), counter);
            open_minutes(&mut offered, vec![(*opens, opens + 45)]);
            Some((*shop, offered))
        }
        Event::Advertised { shop, starts, lasts } => {
            let starts = now.as_second() + starts;
            let campaign =
                Campaign { label: format!("Ad {counter}"), starts, ends: starts + lasts, weight: 1 };
            let ads = Held::Present(Revision::new(1, counter), AdsSection { campaigns: vec![campaign] });
            Some((*shop, Sections { ads, ..Sections::default() }))
        }
        Event::Closed { shop } => Some((*shop, closed(counter))),
        Event::Later { seconds } => {
            servers[0].later(*seconds);
            None
        }
        Event::SetBack { seconds } => {
            servers[0].later(-seconds);
            None
        }
        Event::Heard { writer } => {
            let writer = Writer::OF_THE_DOCUMENT[*writer];
            servers[0].store.inner.record_heard(writer, now).await.unwrap();
            None
        }
    };
    if let Some((shop, offered)) = offered
        && servers[0].save_unseen(shop, offered).await
    {
        servers[0].arrived(1).await;
        servers[1].arrived(1).await;
    }
    for server in servers {
        server.publish();
        server.look().await;
    }
}

fn seconds(header: &str, name: &str) -> i64 {
    let found = header.split(", ").find_map(|part| part.strip_prefix(&format!("{name}=")));
    found.map_or(0, |seconds| seconds.parse().unwrap())
}

/// No shop on a page changes by the clock alone while the page may be reused.
async fn outlives_no_change(server: &Server, answer: &Answer, shops: &[u64]) {
    let header = answer.header("cache-control");
    let fresh = seconds(header, "max-age").max(seconds(header, "s-maxage"));
    let reused_until = server.clock.now().as_second() + fresh + seconds(header, "stale-while-revalidate");
    let ids: Vec<_> = shops.iter().map(|number| id(*number)).collect();
    for lookup in document_store::DocumentReader::gather(&server.store.inner, &ids).await {
        if let Ok(document_store::Lookup::Found(stored)) = lookup {
            let next = stored.part.next_change_after(server.clock.now(), Zones);
            assert!(next.is_none_or(|next| next.as_second() >= reused_until), "{header} but {next:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One server keeps its pages, one composes each anew: they never differ in a byte or a validator, and one
    /// validator never stands for two bodies.
    #[test]
    fn a_kept_page_is_what_would_be_composed(events in prop::collection::vec(event(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let keeping = Server::usual().await;
            let config = Config { pages_bytes_max: 0, ..Config::default() };
            let composing = Server::on(keeping.store.clone(), keeping.clock.clone(), config).await;
            let urls = [
                list_url(),
                format!("{}?sort=distance", list_url()),
                "/v1/shops?lat=51.5076&lng=-0.1303".to_owned(),
                "/v1/shops/1".to_owned(),
                "/v1/shops/2".to_owned(),
                "/v1/shops?ids=3,1,2".to_owned(),
            ];
            let mut bodies: HashMap<String, String> = HashMap::new();
            let mut kept = 0;
            let mut is_worth_keeping = false;
            for (counter, event) in (1..).zip(&events) {
                happens(event, counter, [&keeping, &composing]).await;
                for url in &urls {
                    // Twice, so that what was just kept is sent again.
                    for _ in 0..2 {
                        let (again, anew) = (keeping.get(url).await, composing.get(url).await);
                        assert!(!anew.is_kept());
                        kept += u32::from(again.is_kept());
                        assert_eq!((again.status, &again.body), (anew.status, &anew.body), "{url} after {event:?}");
                        for same in ["etag", "cache-control", "cdn-cache-control", "surrogate-key"] {
                            assert_eq!(again.header(same), anew.header(same), "{same} of {url} after {event:?}");
                        }
                        if again.status != 200 {
                            continue;
                        }
                        let tag = again.header("etag").to_owned();
                        let before = bodies.entry(tag.clone()).or_insert_with(|| again.body.clone());
                        assert_eq!(before, &again.body, "one validator, two bodies");
                        let is_detail = again.json()["shops"].is_null();
                        let shops =
                            if is_detail { vec![url.rsplit('/').next().unwrap().parse().unwrap()] } else { again.shops() };
                        // Empty lists and incomplete pages are never kept.
                        is_worth_keeping |= is_detail || (!shops.is_empty() && again.missing().is_empty());
                        outlives_no_change(&keeping, &again, &shops).await;
                        assert_eq!(keeping.get_if_changed(url, &tag).await.status, 304);
                        assert_eq!(composing.get_if_changed(url, &tag).await.status, 304);
                    }
                }
            }
            assert!(kept > 0 || !is_worth_keeping, "pages were kept");
        });
    }

    #[test]
    fn a_batch_answers_each_shop_once_in_the_asked_order(asked in prop::collection::vec(1_u64..12, 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let server = Server::usual().await;
            for number in 1..=6 {
                server.save(number, sections("x", number)).await;
            }
            let mut expected = asked.clone();
            let mut seen = std::collections::HashSet::new();
            expected.retain(|number| seen.insert(*number));
            let ids: Vec<String> = expected.iter().map(ToString::to_string).collect();
            let batch = server.get(&format!("/v1/shops?ids={}", ids.join(","))).await;
            let there: Vec<u64> = expected.iter().copied().filter(|number| *number <= 6).collect();
            let missing: Vec<String> =
                expected.iter().filter(|number| **number > 6).map(|number| format!("{number} unknown")).collect();
            assert_eq!((batch.shops(), batch.missing()), (there, missing));
        });
    }
}
