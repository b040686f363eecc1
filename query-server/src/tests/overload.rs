//! More than can be answered: over real sockets, with delays that are pretended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::Drain;

use super::shops::*;
use super::sockets::{head_and_body, talk};
use crate::accept::listen;
use crate::admission::{Class, Delays};
use crate::config::Config;

/// A server whose threads are as late as is said.
struct Late {
    server: Server,
    address: SocketAddr,
    delays: Delays,
    _drain: Drain,
}

async fn late(config: Config) -> Late {
    let config = Config { public: "127.0.0.1:0".parse().unwrap(), ..config };
    let server = Server::open(config.clone()).await;
    server.save(7, sections("Napoli", 1)).await;
    let (delays, drain) = (Delays::pretended(), Drain::new());
    let door = server.door().with_delays(delays.clone());
    let address = listen(&config, &door, &drain).await.unwrap();
    Late { server, address, delays, _drain: drain }
}

impl Late {
    async fn get(&self, url: &str) -> (u16, String, String) {
        let ask = format!("GET {url} HTTP/1.1\r\nhost: shops\r\nconnection: close\r\n\r\n");
        let (head, body) = head_and_body(&talk(self.address, ask.as_bytes()).await.unwrap());
        (head[9..12].parse().unwrap(), head, body)
    }

    /// Until the watch has seen it and done all it does.
    async fn is_late(&self, delay_ms: u64) {
        self.delays.pretend(delay_ms);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    async fn statuses(&self, urls: &[&str]) -> Vec<u16> {
        let mut statuses = Vec::new();
        for url in urls {
            statuses.push(self.get(url).await.0);
        }
        statuses
    }
}

const DETAIL: &str = "/v1/shops/7";
const BATCH: &str = "/v1/shops?ids=7";
const AVAILABILITY: &str = "/v1/availability?ids=7&lat=51.5&lng=-0.1";
const OWN_WRITE: &str = "/v1/shops/7?min_revision=shop:1-1";

#[tokio::test(start_paused = true)]
async fn under_too_much_load_lists_are_refused_and_orders_are_not_and_then_all_is_well_again() {
    let late = late(Config::default()).await;
    let (list, search) = (list_url(), search_url("napoli"));
    let lower = [list.as_str(), &search, "/v1/shops?lat=51.5&lng=-0.1", OWN_WRITE];
    let order = [DETAIL, BATCH, AVAILABILITY];
    let all: Vec<&str> = lower.into_iter().chain(order).collect();
    late.is_late(0).await;
    assert_eq!(late.statuses(&all).await, [200; 7]);

    // Above the target of lists, below that of the order path.
    late.is_late(150).await;
    assert_eq!(late.statuses(&lower).await, [503; 4]);
    assert_eq!(late.statuses(&order).await, [200; 3]);
    let (_, head, body) = late.get(&list).await;
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"too_busy".into(), &503.into()));
    let has = |line: &str| head.lines().any(|header| header.starts_with(line));
    assert!(has("retry-after: ") && has("cache-control: no-store"), "{head}");
    assert!(has("content-type: application/problem+json"), "{head}");

    late.is_late(1_000).await;
    assert_eq!(late.statuses(&all).await, [503; 7], "even the order path, when all else is refused");

    late.is_late(0).await;
    assert_eq!(late.statuses(&all).await, [200; 7]);
    let counters = &late.server.front.counters.admission;
    assert_eq!(counters.refusals(Class::Browse), 3 + 1 + 3);
    assert_eq!(counters.refusals(Class::OwnWrite), 2);
    assert_eq!(counters.refusals(Class::Order), 3);
}

#[tokio::test(start_paused = true)]
async fn lists_that_wait_for_the_store_leave_room_for_orders() {
    let config = Config { waiting_max: 64, own_writes_max: 1, cards_bytes_max: 0, ..Config::default() };
    let late = late(config).await;
    late.server.store.late.lock().unwrap().insert(id(7));
    let ask = async |url: String| late.get(&url).await.0;
    let lists = (0..40).map(|_| ask(list_url()));
    let details = (0..32).map(|_| ask(DETAIL.to_owned()));
    let own_writes = (0..2).map(|_| ask(OWN_WRITE.to_owned()));
    let (lists, details, own_writes) = tokio::join!(
        futures_util::future::join_all(lists),
        futures_util::future::join_all(details),
        futures_util::future::join_all(own_writes),
    );
    let refused = |statuses: &[u16]| statuses.iter().filter(|status| **status == 503).count();
    assert!(lists.iter().all(|status| [200, 503].contains(status)), "{lists:?}");
    assert!(refused(&lists) >= 8, "at most half of 64 wait: {lists:?}");
    let refusals = |class| late.server.front.counters.admission.refusals(class);
    assert!(refusals(Class::Browse) >= 8);
    assert_eq!(refusals(Class::Order), 0);
    assert_eq!(refusals(Class::OwnWrite), 1, "{own_writes:?}");
    // Late ones are told so by the detail itself: the store was asked.
    assert_eq!(refused(&details), 32);
}

#[tokio::test(start_paused = true)]
async fn what_admission_does_is_shown() {
    let late = late(Config::default()).await;
    late.is_late(150).await;
    late.get(&list_url()).await;
    let mut registry = prometheus_client::registry::Registry::default();
    let counters = Arc::clone(&late.server.front.counters);
    registry.register_collector(Box::new(crate::metrics::Shown { counters }));
    let mut shown = String::new();
    prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
    for line in [
        r#"shopfront_query_server_admission_refused_total{class="browse",reason="delay"} 1"#,
        r#"shopfront_query_server_admission_refused_total{class="order",reason="waiting"} 0"#,
        r#"shopfront_query_server_admission_admitted_ratio{class="browse"} 0.0"#,
        r#"shopfront_query_server_admission_admitted_ratio{class="own_write"} 0.0"#,
        r#"shopfront_query_server_admission_admitted_ratio{class="order"} 1.0"#,
        "shopfront_query_server_admission_waiting 0",
        "shopfront_query_server_admission_waiting_limit 4096",
        r#"shopfront_query_server_requests_total{endpoint="list",class="5xx"} 1"#,
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\nis not in\n{shown}");
    }
    assert!(
        shown.contains(r#"shopfront_query_server_queueing_delay_seconds_bucket{le="0.2048"}"#),
        "{shown}"
    );
}
