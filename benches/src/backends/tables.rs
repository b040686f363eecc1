//! Each section -> its table.

use super::asked::Phase;
use super::failover::Failover;
use super::freshness::Freshness;
use super::gathers::Gathered;
use super::late::{Late, Lateness};
use super::meter::Waits;
use super::rebuild::Rebuilt;
use super::saves::Saved;
use super::staleness::Staleness;
use crate::compare::report::table::Table;

/// Microseconds with as many digits as are told apart.
fn micros(micros: f64) -> String {
    if micros < 100.0 { format!("{micros:.1}") } else { format!("{micros:.0}") }
}

fn ms(micros: f64) -> String {
    format!("{:.2}", micros / 1e3)
}

fn seconds(micros: f64) -> String {
    format!("{:.2}", micros / 1e6)
}

fn servers(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), micros)
}

/// 25 list parts.
pub(super) fn gathers(gathers: &[Gathered]) -> Table {
    let head =
        ["store", "resident", "at once", "p50 µs", "p99 µs", "CPU µs here", "CPU µs in servers", "a second"];
    let mut table = Table::new(2, &head);
    for one in gathers {
        table.row([
            one.store.title().to_owned(),
            if one.is_resident { "all" } else { "nothing" }.to_owned(),
            one.at_once.to_string(),
            micros(one.waits.p50_micros),
            micros(one.waits.p99_micros),
            micros(one.cost.own_cpu_micros),
            servers(one.cost.server_cpu_micros.filter(|_| !one.is_resident)),
            format!("{:.0}", one.cost.per_second),
        ]);
    }
    table
}

/// The same, some late.
pub(super) fn late(late: &[Late]) -> Table {
    let head = [
        "store",
        "late in every tenth gather",
        "p50 ms, none late",
        "p99 ms, none late",
        "p50 ms",
        "p99 ms",
        "only the late ones: p50 ms",
        "p99 ms",
        "p99 ratio",
        "more gets %",
        "shops missing",
        "with none late",
    ];
    let mut table = Table::new(2, &head);
    for one in late {
        let what = match one.lateness {
            Lateness::TwoShops => format!("2 of 25, by {} ms", one.late_by_ms),
            Lateness::All => format!("all, by {} ms", one.late_by_ms),
        };
        table.row([
            one.store.title().to_owned(),
            what,
            ms(one.calm.p50_micros),
            ms(one.calm.p99_micros),
            ms(one.late.p50_micros),
            ms(one.late.p99_micros),
            ms(one.only_late.p50_micros),
            ms(one.only_late.p99_micros),
            format!("{:.2}", one.p99_ratio),
            format!("{:.1}", one.more_gets_percent),
            one.missing.to_string(),
            one.calm_missing.to_string(),
        ]);
    }
    table
}

/// Saves.
pub(super) fn saves(saves: &[Saved]) -> Table {
    let head = [
        "store",
        "save",
        "a second",
        "CPU µs here",
        "CPU µs in servers",
        "acknowledged to woken p50 ms",
        "p99 ms",
    ];
    let mut table = Table::new(2, &head);
    for one in saves {
        for (what, cost) in [("first", &one.first), ("again", &one.again)] {
            let wakes = |figure: f64| if what == "again" { ms(figure) } else { String::new() };
            table.row([
                one.store.title().to_owned(),
                what.to_owned(),
                format!("{:.0}", cost.per_second),
                micros(cost.own_cpu_micros),
                servers(cost.server_cpu_micros),
                wakes(one.wakes.p50_micros),
                wakes(one.wakes.p99_micros),
            ]);
        }
    }
    table
}

/// From a commit to the card.
pub(super) fn freshness(freshness: &Freshness) -> [Table; 2] {
    let head = [
        "events over",
        "changes a second",
        "commit p50 ms",
        "p99 ms",
        "to the card p50 ms",
        "p99 ms",
        "most ms",
        "to the detail p50 ms",
        "p99 ms",
        "refused or never seen",
    ];
    let mut lags = Table::new(1, &head);
    for lag in &freshness.lags {
        lags.row([
            lag.transport.to_owned(),
            lag.rate.to_string(),
            ms(lag.commit.p50_micros),
            ms(lag.commit.p99_micros),
            ms(lag.card.p50_micros),
            ms(lag.card.p99_micros),
            ms(lag.card.most_micros),
            ms(lag.detail.p50_micros),
            ms(lag.detail.p99_micros),
            lag.failed.to_string(),
        ]);
    }
    let head = [
        "transport by itself",
        "published a second",
        "carried and acknowledged a second",
        "at a steady rate of",
        "published to received p50 ms",
        "p99 ms",
        "most ms",
    ];
    let mut transports = Table::new(1, &head);
    for one in &freshness.transports {
        transports.row([
            one.transport.to_owned(),
            format!("{:.0}", one.published_per_second),
            format!("{:.0}", one.carried_per_second),
            one.paced_per_second.to_string(),
            ms(one.paced.p50_micros),
            ms(one.paced.p99_micros),
            ms(one.paced.most_micros),
        ]);
    }
    [lags, transports]
}

/// Full resyncs.
pub(super) fn rebuild(rebuild: &[Rebuilt]) -> Table {
    let head = [
        "store",
        "shops",
        "rounds",
        "seconds",
        "shops a second",
        "CPU µs a shop, invalidator",
        "writers",
        "servers",
    ];
    let mut table = Table::new(1, &head);
    for one in rebuild {
        table.row([
            one.store.title().to_owned(),
            one.shops.to_string(),
            one.seconds_of_each_round.len().to_string(),
            format!("{:.1}", one.seconds),
            format!("{:.0}", one.shops_per_second),
            micros(one.invalidator_cpu_micros),
            micros(one.writers_cpu_micros),
            servers(one.servers_cpu_micros),
        ]);
    }
    table
}

/// Lost connections.
pub(super) fn staleness(staleness: &[Staleness]) -> Table {
    let head = [
        "wake-up connection",
        "times",
        "saved to visible p50 ms",
        "p99 ms",
        "most ms",
        "listened again p50 s",
        "not again within 8 s",
    ];
    let mut table = Table::new(1, &head);
    for one in staleness {
        table.row([
            one.what.to_owned(),
            one.waits.count.to_string(),
            ms(one.waits.p50_micros),
            ms(one.waits.p99_micros),
            ms(one.waits.most_micros),
            one.listens_again.map_or_else(|| "–".to_owned(), |again| seconds(again.p50_micros)),
            one.never_again.to_string(),
        ]);
    }
    table
}

/// A master that died.
pub(super) fn failover(failover: &Failover) -> [Table; 2] {
    let head =
        ["lists", "seconds", "answers", "p50 ms", "p99 ms", "most ms", "not 200", "lacking shops", "stale"];
    let mut lists = Table::new(1, &head);
    for Phase { name, seconds, waits, not_200, lacking_shops, stale } in &failover.phases {
        lists.row([
            (*name).to_owned(),
            format!("{seconds:.1}"),
            waits.count.to_string(),
            ms(waits.p50_micros),
            ms(waits.p99_micros),
            ms(waits.most_micros),
            not_200.to_string(),
            lacking_shops.to_string(),
            stale.to_string(),
        ]);
    }
    let mut changes = Table::new(1, &["changes", "how many", "p50 s", "p99 s", "most s"]);
    let mut row = |what: &str, waits: &Waits| {
        changes.row([
            what.to_owned(),
            waits.count.to_string(),
            seconds(waits.p50_micros),
            seconds(waits.p99_micros),
            seconds(waits.most_micros),
        ]);
    };
    row("committed to visible, before", &failover.calm);
    row("the same until all shards moved on", &failover.stuck);
    row("from the death until all shards moved on", &failover.moved_on);
    [lists, changes]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_as_many_digits_as_are_told_apart() {
        assert_eq!([micros(2.345), micros(123.4)], ["2.3", "123"]);
        assert_eq!([ms(1_234.0), seconds(1_234_000.0)], ["1.23", "1.23"]);
        assert_eq!([servers(None), servers(Some(12.0))], ["–", "12.0"]);
    }
}
