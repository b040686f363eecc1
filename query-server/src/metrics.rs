//! What is counted. A request touches plain numbers only; names and labels come in when they are looked at.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::admission::AdmissionCounters;

/// What was asked for, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Endpoint {
    /// A list, by cell.
    List,
    /// A list, by place.
    ListNear,
    /// What somebody typed.
    Search,
    /// A detail.
    Detail,
    /// A batch.
    Batch,
    /// Whether and for what some shops deliver to a place.
    Availability,
    /// A detail or batch that waits for the client's own change.
    OwnWrite,
    /// The page for people.
    Home,
    /// Whatever was not understood.
    Other,
}

impl Endpoint {
    const ALL: [(Self, &'static str); 9] = [
        (Self::List, "list"),
        (Self::ListNear, "list_near"),
        (Self::Search, "search"),
        (Self::Detail, "detail"),
        (Self::Batch, "batch"),
        (Self::Availability, "availability"),
        (Self::OwnWrite, "own_write"),
        (Self::Home, "home"),
        (Self::Other, "other"),
    ];
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds in microseconds: a kept page takes some 10, a miss some 100.
const BUCKETS_MICROS: [u64; 14] =
    [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 204_800, 819_200];

/// A histogram in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// Not cumulative; the last one is all that is longer.
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    micros: AtomicU64,
}

impl Latency {
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.partition_point(|most| *most < micros);
        add(&self.buckets[bucket], 1);
        add(&self.micros, micros);
    }

    /// Sum in seconds, count, and how many were within each bound.
    pub(crate) fn shown(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let (mut buckets, mut count) = (Vec::with_capacity(BUCKETS_MICROS.len() + 1), 0);
        let bounds = BUCKETS_MICROS.iter().map(|micros| seconds(*micros)).chain([f64::INFINITY]);
        for (bound, bucket) in bounds.zip(&self.buckets) {
            let within = bucket.load(Ordering::Relaxed);
            count += within;
            buckets.push((bound, within));
        }
        (seconds(self.micros.load(Ordering::Relaxed)), count, buckets)
    }
}

#[derive(Debug, Default)]
struct OfEndpoint {
    by_class: [AtomicU64; CLASSES.len()],
    latency: Latency,
}

/// All counters of the read path. One per process.
#[derive(Debug, Default)]
pub struct Counters {
    endpoints: [OfEndpoint; Endpoint::ALL.len()],
    /// What was refused since there was too much, and why.
    pub admission: AdmissionCounters,
    /// Pages sent as they were kept.
    pub pages_kept: AtomicU64,
    /// Pages composed.
    pub pages_composed: AtomicU64,
    /// Pages that the client held.
    pub pages_not_modified: AtomicU64,
    /// Cards that were resident.
    pub card_hits: AtomicU64,
    /// Cards that were not.
    pub card_misses: AtomicU64,
    /// Shops named missing.
    pub shops_missing: AtomicU64,
    /// Of these: documents that are no document.
    pub shops_unreadable: AtomicU64,
    /// Open connections.
    pub connections_open: AtomicU64,
    /// All connections since the start.
    pub connections: AtomicU64,
    /// Connections refused because there were too many.
    pub connections_refused: AtomicU64,
    /// Connections cut off because a head did not come to its end in time.
    pub connections_slow: AtomicU64,
}

/// Counts up.
pub fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// As a counter counts.
#[must_use]
pub fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

impl Counters {
    /// How many requests were answered. Refusals and failures are not counted: they take no time to speak of.
    #[must_use]
    pub fn answers(&self) -> u64 {
        let by_class = self.endpoints.iter().flat_map(|of| &of.by_class[..CLASSES.len() - 1]);
        by_class.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// One request was answered.
    pub fn answered(&self, endpoint: Endpoint, status: StatusCode, took: Duration) {
        let of = &self.endpoints[endpoint as usize];
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        add(&of.by_class[class], 1);
        of.latency.observe(took);
    }
}

/// A number that somebody else keeps, looked at when metrics are.
pub struct Gauge {
    /// Without the program's prefix.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// Now.
    pub value: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl fmt::Debug for Gauge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// Shows the counters, and gauges that came later.
#[derive(Debug)]
pub struct Shown {
    /// See [`Counters`].
    pub counters: Arc<Counters>,
}

const PREFIX: &str = "shopfront_query_server";

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = &*self.counters;
        encode_requests(counters, &mut encoder)?;
        counters.admission.encode(PREFIX, &mut encoder)?;
        let counted: [(&str, &str, &AtomicU64); 10] = [
            ("pages_kept", "Pages sent as they were kept", &counters.pages_kept),
            ("pages_composed", "Pages composed", &counters.pages_composed),
            ("pages_not_modified", "Pages that the client held already", &counters.pages_not_modified),
            ("card_hits", "Cards that were resident", &counters.card_hits),
            ("card_misses", "Cards that were not resident", &counters.card_misses),
            ("shops_missing", "Shops named missing on pages", &counters.shops_missing),
            ("shops_unreadable", "Shops named missing since unreadable", &counters.shops_unreadable),
            ("connections", "Connections since the start", &counters.connections),
            (
                "connections_refused",
                "Connections refused, too many being open",
                &counters.connections_refused,
            ),
            ("connections_slow", "Connections cut off with a head unfinished", &counters.connections_slow),
        ];
        for (name, help, counter) in counted {
            let name = format!("{PREFIX}_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, u64, u64>(&counter.load(Ordering::Relaxed), None)?;
        }
        let open = counters.connections_open.load(Ordering::Relaxed);
        let name = format!("{PREFIX}_connections_open");
        let mut metric = encoder.encode_descriptor(&name, "Open connections", None, MetricType::Gauge)?;
        metric.encode_gauge(&i64::try_from(open).unwrap_or(i64::MAX))
    }
}

fn encode_requests(counters: &Counters, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let name = format!("{PREFIX}_requests");
    let mut metric = encoder.encode_descriptor(&name, "Answered requests", None, MetricType::Counter)?;
    for (endpoint, label) in Endpoint::ALL {
        for (class, count) in CLASSES.iter().zip(&counters.endpoints[endpoint as usize].by_class) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels = [("endpoint", label), ("class", *class)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
            }
        }
    }
    let name = format!("{PREFIX}_request_seconds");
    let help = "From the head to the answer, without its way over the wire";
    let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Histogram)?;
    for (endpoint, label) in Endpoint::ALL {
        let latency = &counters.endpoints[endpoint as usize].latency;
        let (sum, count, buckets) = latency.shown();
        if count > 0 {
            metric
                .encode_family(&[("endpoint", label)])?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // microseconds of 285 years
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Shows gauges.
#[derive(Debug)]
pub struct Gauges(pub Vec<Gauge>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for gauge in &self.0 {
            let name = format!("{PREFIX}_{}", gauge.name);
            let mut metric = encoder.encode_descriptor(&name, gauge.help, None, MetricType::Gauge)?;
            metric.encode_gauge(&(gauge.value)())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn requests_are_shown_by_endpoint_class_and_latency() {
        let counters = Arc::new(Counters::default());
        counters.answered(Endpoint::List, StatusCode::OK, Duration::from_micros(50));
        counters.answered(Endpoint::List, StatusCode::OK, Duration::from_micros(51));
        counters.answered(Endpoint::List, StatusCode::NOT_MODIFIED, Duration::from_secs(9));
        counters.answered(Endpoint::Other, StatusCode::URI_TOO_LONG, Duration::ZERO);
        add(&counters.pages_kept, 2);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Shown { counters }));
        let value = Box::new(|| 0.5);
        let gauge = Gauge { name: "follower_lag_seconds", help: "Lag", value };
        registry.register_collector(Box::new(Gauges(vec![gauge])));
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
        for line in [
            r#"shopfront_query_server_requests_total{endpoint="list",class="2xx"} 2"#,
            r#"shopfront_query_server_requests_total{endpoint="list",class="3xx"} 1"#,
            r#"shopfront_query_server_requests_total{endpoint="other",class="4xx"} 1"#,
            r#"shopfront_query_server_request_seconds_bucket{le="0.00005",endpoint="list"} 1"#,
            r#"shopfront_query_server_request_seconds_bucket{le="0.0001",endpoint="list"} 2"#,
            r#"shopfront_query_server_request_seconds_bucket{le="+Inf",endpoint="list"} 3"#,
            r#"shopfront_query_server_request_seconds_count{endpoint="list"} 3"#,
            "shopfront_query_server_pages_kept_total 2",
            "shopfront_query_server_connections_open 0",
            "shopfront_query_server_follower_lag_seconds 0.5",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\nis not in\n{shown}");
        }
    }
}
