//! CPU time of this process and of a store's servers between two moments, and how long answers took.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cpu::Spent;
use crate::median;

/// Begun at one moment.
#[derive(Debug)]
pub struct Meter {
    servers: Vec<u32>,
    before: (Spent, Spent),
    began: Instant,
}

/// What was used up since, in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Of this process.
    pub own: Duration,
    /// Of the servers.
    pub servers: Duration,
    /// By the clock.
    pub took: Duration,
}

impl Meter {
    /// From now on; `servers` are process IDs.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn begun(servers: &[u32]) -> anyhow::Result<Self> {
        let before = (Spent::by(&[std::process::id()])?, Spent::by(servers)?);
        Ok(Self { servers: servers.to_vec(), before, began: Instant::now() })
    }

    /// Up to now.
    ///
    /// # Errors
    /// When a server is gone.
    pub fn used(&self) -> anyhow::Result<Used> {
        let took = self.began.elapsed();
        let own = Spent::by(&[std::process::id()])?.since(&self.before.0);
        let servers = Spent::by(&self.servers)?.since(&self.before.1);
        Ok(Used { own, servers, took })
    }
}

impl std::ops::AddAssign for Used {
    fn add_assign(&mut self, more: Self) {
        self.own += more.own;
        self.servers += more.servers;
        self.took += more.took;
    }
}

/// Figures of rounds, each for one of what was done.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    own_micros: Vec<f64>,
    server_micros: Vec<f64>,
    per_second: Vec<f64>,
}

/// Medians of rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// CPU microseconds of this process for one.
    pub own_cpu_micros: f64,
    /// The same of the store's servers, replicas included; `None`: it has none.
    pub server_cpu_micros: Option<f64>,
    /// How many in a second.
    pub per_second: f64,
    /// Each round.
    pub own_cpu_micros_of_each_round: Vec<f64>,
    /// Each round.
    pub per_second_of_each_round: Vec<f64>,
}

impl Rounds {
    /// One round in which so many were done.
    pub fn note(&mut self, used: Used, count: u64) {
        #[allow(clippy::cast_precision_loss)]
        let count = count as f64;
        self.own_micros.push(used.own.as_secs_f64() * 1e6 / count);
        self.server_micros.push(used.servers.as_secs_f64() * 1e6 / count);
        self.per_second.push(count / used.took.as_secs_f64());
    }

    /// The middle round of each figure.
    #[must_use]
    pub fn cost(self, has_servers: bool) -> Cost {
        Cost {
            own_cpu_micros: median(&self.own_micros),
            server_cpu_micros: has_servers.then(|| median(&self.server_micros)),
            per_second: median(&self.per_second),
            own_cpu_micros_of_each_round: self.own_micros,
            per_second_of_each_round: self.per_second,
        }
    }
}

/// How long things took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Waits {
    /// How many were looked at.
    pub count: u64,
    /// Microseconds within which half of them were over.
    pub p50_micros: f64,
    /// And 99 of 100.
    pub p99_micros: f64,
    /// The longest.
    pub most_micros: f64,
}

impl Waits {
    /// Of nanoseconds, as [`note`] notes them.
    #[must_use]
    pub fn of(nanos: &Histogram<u64>) -> Self {
        Self::in_units(nanos, 1e3)
    }

    /// Of microseconds.
    #[must_use]
    pub fn of_micros(micros: &Histogram<u64>) -> Self {
        Self::in_units(micros, 1.0)
    }

    #[allow(clippy::cast_precision_loss)]
    fn in_units(waits: &Histogram<u64>, units_of_a_micro: f64) -> Self {
        let micros = |units: u64| units as f64 / units_of_a_micro;
        Self {
            count: waits.len(),
            p50_micros: micros(waits.value_at_quantile(0.5)),
            p99_micros: micros(waits.value_at_quantile(0.99)),
            most_micros: micros(waits.max()),
        }
    }
}

/// Notes how long something took.
///
/// # Errors
/// Never, with the histograms of this folder, which grow.
pub fn note(nanos: &mut Histogram<u64>, took: Duration) -> anyhow::Result<()> {
    nanos.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))?;
    Ok(())
}

/// Adds what another round noted.
///
/// # Errors
/// As [`note`].
pub fn add(all: &mut Histogram<u64>, some: &Histogram<u64>) -> anyhow::Result<()> {
    all.add(some).map_err(|error| anyhow::anyhow!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_round_counts_and_a_store_without_servers_costs_none() {
        let mut rounds = Rounds::default();
        for millis in [4, 900, 2] {
            let (own, took) = (Duration::from_millis(millis), Duration::from_millis(100));
            rounds.note(Used { own, servers: own / 2, took }, 1_000);
        }
        let near = |given: f64, expected: f64| (given - expected).abs() < 1e-9;
        let cost = rounds.clone().cost(true);
        assert!(near(cost.own_cpu_micros, 4.0) && near(cost.per_second, 10_000.0), "{cost:?}");
        assert!(cost.server_cpu_micros.is_some_and(|micros| near(micros, 2.0)), "{cost:?}");
        assert_eq!(rounds.cost(false).server_cpu_micros, None);
    }

    #[test]
    fn waits_are_told_by_their_middle_and_their_end() {
        let mut waits = Histogram::new(3).unwrap();
        for millis in 1..=100 {
            note(&mut waits, Duration::from_millis(millis)).unwrap();
        }
        let told = Waits::of(&waits);
        assert_eq!(told.count, 100);
        for (figure, expected) in
            [(told.p50_micros, 50e3), (told.p99_micros, 99e3), (told.most_micros, 100e3)]
        {
            // Histograms keep three digits.
            assert!((figure / expected - 1.0).abs() < 2e-3, "{told:?}");
        }
    }
}
