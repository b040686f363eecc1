//! Everything that was measured, as it is kept.

use serde::Serialize;

use crate::compare::contestants::{self, Contestant, Role};
use crate::compare::environment::Environment;
use crate::compare::measure::Lane;
use crate::compare::sampled::{Kind, Likeness};
use crate::compare::start::Start;
use crate::compare::targets::Target;
use crate::median;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// On what, with what.
    pub environment: Environment,
    /// What was asked for.
    pub pages: Vec<Likeness>,
    /// The table.
    pub rows: Vec<Row>,
    /// Starts and memory.
    pub start: Option<Start>,
    /// What was to be reached.
    pub targets: Vec<Target>,
}

/// One contestant.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was asked for.
    pub kind: Kind,
    /// Who answered.
    pub name: String,
    /// Which row it is.
    #[serde(skip)]
    pub role: Role,
    /// What was seen, or why nothing was.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was seen of a contestant, or why nothing was.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Figures>),
    /// It was not.
    NotMeasured(String),
}

/// What was seen of a contestant.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// CPU microseconds per request of all its processes, median of the rounds.
    pub cpu_micros: f64,
    /// Each round.
    pub cpu_micros_of_each_round: Vec<f64>,
    /// The reference's CPU time divided by this one's: above 1 is cheaper than a static file.
    pub times_nginx_static: Option<f64>,
    /// Requests in all rounds at full speed.
    pub requests: u64,
    /// Mean bytes of an answer, its head included.
    pub answer_bytes: u64,
    /// Bytes of the middle body as it was sent.
    pub body_bytes: usize,
    /// Bodies as sent against the sampled pages.
    pub body_bytes_share: f64,
    /// Milliseconds from when a request was due to the last byte.
    pub latency_p50_ms: f64,
    /// See `latency_p50_ms`.
    pub latency_p99_ms: f64,
    /// See `latency_p50_ms`.
    pub latency_p999_ms: f64,
    /// Requests at the fixed rate.
    pub latency_requests: u64,
    /// Resident memory of all its processes after all rounds, mapped files included.
    pub resident_bytes: u64,
    /// The part of it that no file holds.
    pub anonymous_bytes: u64,
}

/// Rows in the order of the table: what became of each contestant.
#[must_use]
pub fn rows(lanes: &[Lane], refused: &[(Contestant, String)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for contestant in contestants::all() {
        let lane = lanes.iter().find(|lane| lane.contestant() == contestant);
        let why = refused.iter().find(|(refused, _)| *refused == contestant).map(|(_, why)| why.clone());
        let outcome = match (lane, why) {
            (Some(Lane { failed: None, .. }), _) if lane.is_some_and(|lane| lane.micros.is_empty()) => {
                Outcome::NotMeasured("no round was run".to_owned())
            }
            (Some(lane), _) => match &lane.failed {
                None => Outcome::Measured(Box::new(figures(lane))),
                Some(why) => Outcome::NotMeasured(why.clone()),
            },
            (None, Some(why)) => Outcome::NotMeasured(why),
            (None, None) => continue,
        };
        rows.push(Row {
            kind: contestant.kind,
            name: contestant.to_string(),
            role: contestant.role,
            outcome,
        });
    }
    with_ratios(rows)
}

fn figures(lane: &Lane) -> Figures {
    Figures {
        cpu_micros: median(&lane.micros),
        cpu_micros_of_each_round: lane.micros.clone(),
        times_nginx_static: None,
        requests: lane.requests,
        answer_bytes: lane.answer_bytes(),
        body_bytes: lane.checked.body_bytes,
        body_bytes_share: lane.checked.bytes_share,
        latency_p50_ms: lane.latencies.millis(0.5),
        latency_p99_ms: lane.latencies.millis(0.99),
        latency_p999_ms: lane.latencies.millis(0.999),
        latency_requests: lane.latencies.nanos.len(),
        resident_bytes: lane.memory.resident_bytes,
        anonymous_bytes: lane.memory.anonymous_bytes,
    }
}

/// The figures of one row.
#[must_use]
pub fn of(rows: &[Row], kind: Kind, role: Role) -> Option<&Figures> {
    rows.iter().find(|row| row.kind == kind && row.role == role).and_then(Row::figures)
}

impl Row {
    /// What was seen, if anything.
    #[must_use]
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Measured(figures) => Some(figures),
            Outcome::NotMeasured(_) => None,
        }
    }
}

fn with_ratios(mut rows: Vec<Row>) -> Vec<Row> {
    let reference = |kind| of(&rows, kind, Role::NginxStatic).map(|figures| figures.cpu_micros);
    let references = Kind::ALL.map(|kind| (kind, reference(kind)));
    for row in &mut rows {
        let reference = references.iter().find(|(kind, _)| *kind == row.kind).and_then(|(_, micros)| *micros);
        if let Outcome::Measured(figures) = &mut row.outcome {
            figures.times_nginx_static = reference.map(|micros| micros / figures.cpu_micros);
        }
    }
    rows
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A measured row that cost so much; the rest is as good as any.
    pub(crate) fn row(kind: Kind, role: Role, cpu_micros: f64) -> Row {
        let figures = Figures {
            cpu_micros,
            cpu_micros_of_each_round: vec![cpu_micros],
            times_nginx_static: None,
            requests: 1_000,
            answer_bytes: 14_700,
            body_bytes: 14_500,
            body_bytes_share: 1.0,
            latency_p50_ms: 0.12,
            latency_p99_ms: 0.4,
            latency_p999_ms: 1.25,
            latency_requests: 10_000,
            resident_bytes: 20 << 20,
            anonymous_bytes: 5 << 20,
        };
        let name = Contestant { kind, role }.to_string();
        Row { kind, name, role, outcome: Outcome::Measured(Box::new(figures)) }
    }

    #[test]
    fn each_kind_of_page_has_its_own_reference() {
        let rows = with_ratios(vec![
            row(Kind::List, Role::NginxStatic, 8.0),
            row(Kind::List, Role::ShopfrontComposed, 10.0),
            row(Kind::Detail, Role::NginxStatic, 6.0),
            row(Kind::Detail, Role::ShopfrontUnchanged, 5.0),
            row(Kind::SmallList, Role::ShopfrontUnchanged, 5.0),
        ]);
        let ratios: Vec<Option<f64>> =
            rows.iter().map(|row| row.figures().unwrap().times_nginx_static).collect();
        assert_eq!(ratios, [Some(1.0), Some(0.8), Some(1.0), Some(1.2), None]);
    }

    #[test]
    fn who_was_refused_stands_in_the_table_with_the_reason() {
        let contestant = Contestant { kind: Kind::List, role: Role::VarnishHit };
        let rows = rows(&[], &[(contestant, "`varnishd` is not installed".to_owned())]);
        assert_eq!(rows.len(), 1);
        assert!(matches!(&rows[0].outcome, Outcome::NotMeasured(why) if why.contains("not installed")));
    }
}
