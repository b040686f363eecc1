//! Rounds in which every contestant has its turn: first CPU time at full speed, then latency at a fixed rate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use reqwest::Client;

use crate::compare::check::{self, Checked};
use crate::compare::contestants::{Asked, Contestant};
use crate::compare::place::Place;
use crate::compare::sampled::Sampled;
use crate::cpu::{Memory, Spent};
use crate::open_loop::{self, Latencies, Offer};
use crate::tools::Tools;
use crate::{popularity, say, wrk};

/// Requests before the order begins anew.
const ORDER_REQUESTS: usize = 16_384;
/// Of each contestant at the fixed rate.
const CONNECTIONS: usize = 32;
/// Of the order and the gaps; any other would do.
const SEED: u64 = 0x5170_f207;
/// A head is shorter. Above this a `304` was none.
const HEAD_BYTES_MAX: u64 = 1_500;

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Turns of each contestant.
    pub rounds: usize,
    /// Of each turn at full speed.
    pub seconds: u64,
    /// Of each turn at the fixed rate.
    pub latency_seconds: u64,
    /// Requests per second at the fixed rate.
    pub per_second: u64,
}

/// One contestant with what was seen of it.
#[derive(Debug)]
pub struct Lane {
    /// Who.
    pub checked: Checked,
    order: Vec<usize>,
    script: PathBuf,
    /// CPU microseconds per request, one figure for each round.
    pub micros: Vec<f64>,
    /// Answered at full speed.
    pub requests: u64,
    /// Received meanwhile, heads included.
    pub bytes: u64,
    /// At the fixed rate.
    pub latencies: Latencies,
    /// After all rounds.
    pub memory: Memory,
    /// Why it was given up.
    pub failed: Option<String>,
}

/// What turns are taken with.
#[derive(Clone, Copy, Debug)]
pub struct Track<'a> {
    /// wrk.
    pub tools: &'a Tools,
    /// For fresh tags.
    pub client: &'a Client,
    /// The pages.
    pub sampled: &'a Sampled,
    /// How long.
    pub effort: Effort,
}

impl Lane {
    /// Ready for its first turn.
    ///
    /// # Errors
    /// When the script cannot be written.
    pub fn new(place: &Place, number: usize, checked: Checked) -> anyhow::Result<Self> {
        let curve = popularity::curve()?;
        let weights = curve.get(..checked.requests.len()).context("more pages than the curve has ranks")?;
        let order = popularity::order(weights, ORDER_REQUESTS, SEED)?;
        let script = place.run.join(format!("turn-{number}.lua"));
        wrk::write_script(&script, &checked.requests, &order)?;
        Ok(Self {
            checked,
            order,
            script,
            micros: Vec::new(),
            requests: 0,
            bytes: 0,
            latencies: Latencies::none()?,
            memory: Memory::default(),
            failed: None,
        })
    }

    /// Who.
    #[must_use]
    pub const fn contestant(&self) -> Contestant {
        self.checked.contestant
    }

    /// Bytes of an answer, its head included.
    #[must_use]
    pub fn answer_bytes(&self) -> u64 {
        self.bytes.checked_div(self.requests).unwrap_or(0)
    }
}

impl Track<'_> {
    /// All rounds of all lanes. A lane that fails is given up, the others go on.
    ///
    /// # Errors
    /// None so far; reserved for what concerns all of them.
    pub async fn run(&self, lanes: &mut [Lane]) -> anyhow::Result<()> {
        for round in 1..=self.effort.rounds {
            for lane in in_turn(lanes, round) {
                let outcome = self.turn_at_full_speed(lane).await;
                give_up(lane, outcome);
            }
            say(&format!("CPU time: round {round} of {}", self.effort.rounds));
        }
        for round in 1..=self.effort.rounds {
            for lane in in_turn(lanes, round) {
                let outcome = self.turn_at_fixed_rate(lane, round).await;
                give_up(lane, outcome);
            }
            say(&format!("latency: round {round} of {}", self.effort.rounds));
        }
        for lane in lanes {
            lane.memory = Memory::of(&lane.checked.running.process_ids()).unwrap_or_default();
        }
        Ok(())
    }

    /// Tags change with the clock; a request with an old one would be another contestant's.
    async fn with_fresh_tags(&self, lane: &mut Lane) -> anyhow::Result<()> {
        let contestant = lane.contestant();
        if contestant.role.asked() == Asked::WithItsTag {
            let pages = self.sampled.of(contestant.kind);
            let running = &lane.checked.running;
            lane.checked.requests = check::requests_now(self.client, contestant, running, pages).await?;
            wrk::write_script(&lane.script, &lane.checked.requests, &lane.order)?;
        }
        Ok(())
    }

    async fn turn_at_full_speed(&self, lane: &mut Lane) -> anyhow::Result<()> {
        self.with_fresh_tags(lane).await?;
        let running = &lane.checked.running;
        let process_ids = running.process_ids();
        let before = Spent::by(&process_ids)?;
        let seen = wrk::run(self.tools, &lane.script, running.address, self.effort.seconds).await?;
        let spent = Spent::by(&process_ids)?.since(&before);
        ensure!(seen.requests > 0, "nothing was answered");
        ensure!(seen.errors == 0, "{} of {} answers were errors", seen.errors, seen.requests);
        let answer_bytes = seen.bytes / seen.requests;
        if lane.contestant().role.asked() == Asked::WithItsTag {
            ensure!(answer_bytes < HEAD_BYTES_MAX, "answers of {answer_bytes} bytes are no 304");
        } else {
            let body_bytes = lane.checked.body_bytes as u64;
            ensure!(answer_bytes > body_bytes / 2, "answers of {answer_bytes} bytes, expected {body_bytes}");
        }
        #[allow(clippy::cast_precision_loss)]
        lane.micros.push(spent.as_secs_f64() * 1e6 / seen.requests as f64);
        lane.requests += seen.requests;
        lane.bytes += seen.bytes;
        Ok(())
    }

    async fn turn_at_fixed_rate(&self, lane: &mut Lane, round: usize) -> anyhow::Result<()> {
        self.with_fresh_tags(lane).await?;
        #[allow(clippy::cast_precision_loss)]
        let offer = Offer {
            per_second: self.effort.per_second as f64,
            seconds: self.effort.latency_seconds as f64,
            seed: SEED ^ round as u64,
            connections: CONNECTIONS,
        };
        let address = lane.checked.running.address;
        let (requests, order) = (lane.checked.requests.clone(), lane.order.clone());
        let stop = StopWhenDropped(Arc::default());
        let stopped = stop.0.clone();
        let asking =
            tokio::task::spawn_blocking(move || open_loop::run(address, &requests, &order, offer, &stopped));
        let seen = asking.await??;
        ensure!(
            seen.errors == 0,
            "{} of {} answers at the fixed rate were errors",
            seen.errors,
            seen.nanos.len()
        );
        lane.latencies.add(&seen)
    }
}

/// The lanes that are still in, every second round from behind, so that nobody always follows the same other.
fn in_turn(lanes: &mut [Lane], round: usize) -> Vec<&mut Lane> {
    let mut lanes: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| lane.failed.is_none()).collect();
    if round.is_multiple_of(2) {
        lanes.reverse();
    }
    lanes
}

fn give_up(lane: &mut Lane, outcome: anyhow::Result<()>) {
    if let Err(error) = outcome {
        lane.failed = Some(format!("{error:#}"));
        say(&format!("{}: {error:#}", lane.contestant()));
    }
}

/// Ends the asking threads when the comparison is interrupted.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
