//! What is to be reached, with what was.

use serde::Serialize;

use crate::compare::contestants::{Coding, Role};
use crate::compare::results::{self, Row};
use crate::compare::sampled::Kind;
use crate::compare::start::Start;

/// One line of the verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// `N1`.
    pub number: &'static str,
    /// What is measured, against what.
    pub what: String,
    /// What it has to be.
    pub wanted: Wanted,
    /// Behind the figure.
    pub unit: &'static str,
    /// What it is.
    pub measured: Option<f64>,
    /// How it went.
    pub verdict: Verdict,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Reached.
    Pass,
    /// Missed, by so much of what was wanted.
    Short {
        /// Of 100.
        by_percent: f64,
    },
    /// One of the two sides was not measured.
    NotMeasured,
}

impl Wanted {
    fn verdict(self, measured: Option<f64>) -> Verdict {
        let Some(measured) = measured.filter(|measured| measured.is_finite()) else {
            return Verdict::NotMeasured;
        };
        let (wanted, lacking) = match self {
            Self::AtLeast(wanted) => (wanted, wanted - measured),
            Self::AtMost(wanted) => (wanted, measured - wanted),
        };
        if lacking <= 0.0 { Verdict::Pass } else { Verdict::Short { by_percent: lacking / wanted * 100.0 } }
    }
}

fn target(
    number: &'static str,
    what: impl Into<String>,
    wanted: Wanted,
    unit: &'static str,
    measured: Option<f64>,
) -> Target {
    Target { number, what: what.into(), wanted, unit, measured, verdict: wanted.verdict(measured) }
}

/// All of them.
#[must_use]
pub fn all(rows: &[Row], start: Option<&Start>) -> Vec<Target> {
    [lists(rows), details(rows), overhead(rows), packed(rows), starts(start)].concat()
}

/// The other's CPU time divided by ours.
fn cheaper(rows: &[Row], kind: Kind, other: Role, ours: Role) -> Option<f64> {
    let micros = |role| results::of(rows, kind, role).map(|figures| figures.cpu_micros);
    Some(micros(other)? / micros(ours)?)
}

fn lists(rows: &[Row]) -> Vec<Target> {
    let against = |number, what: &str, wanted, other, ours| {
        target(number, what, Wanted::AtLeast(wanted), "×", cheaper(rows, Kind::List, other, ours))
    };
    let (composed, unchanged) = (Role::ShopfrontComposed, Role::ShopfrontUnchanged);
    vec![
        against("N1", "list of 25, composed: nginx static / ours", 0.75, Role::NginxStatic, composed),
        against(
            "N1",
            "list of 25, composed: hyper copying 25 fragments / ours",
            0.85,
            Role::HyperCopied,
            composed,
        ),
        against("N1", "list of 25, composed: Varnish hit / ours", 2.0, Role::VarnishHit, composed),
        against("N1", "list of 25, composed: axum + Redis MGET / ours", 14.0, Role::AxumMget, composed),
        against("N2", "list of 25, unchanged: nginx static / ours", 0.9, Role::NginxStatic, unchanged),
        against(
            "N2",
            "list of 25, unchanged: hyper, prepared body / ours",
            0.9,
            Role::HyperPrepared,
            unchanged,
        ),
    ]
}

fn details(rows: &[Row]) -> Vec<Target> {
    let detail = |other| cheaper(rows, Kind::Detail, other, Role::ShopfrontUnchanged);
    let not_modified = cheaper(rows, Kind::List, Role::NginxStatic, Role::ShopfrontNotModified);
    let least = Wanted::AtLeast;
    vec![
        target("N3", "detail: nginx static / ours", least(1.05), "×", detail(Role::NginxStatic)),
        target("N3", "304 of a list of 25: nginx static with the page / ours", least(1.6), "×", not_modified),
        target("N3", "detail: axum + Redis GET / ours", least(2.5), "×", detail(Role::AxumGets)),
    ]
}

/// What metrics, admission, headers and routing cost above hyper with the body in its hand.
fn overhead(rows: &[Row]) -> Vec<Target> {
    [(Kind::List, "list of 25, unchanged"), (Kind::Detail, "detail")]
        .into_iter()
        .map(|(kind, what)| {
            let ratio = cheaper(rows, kind, Role::HyperPrepared, Role::ShopfrontUnchanged);
            let more_percent = ratio.map(|ratio| (1.0 / ratio - 1.0) * 100.0);
            let what = format!("{what}: CPU above hyper with a prepared body");
            target("N4", what, Wanted::AtMost(15.0), "%", more_percent)
        })
        .collect()
}

fn packed(rows: &[Row]) -> Vec<Target> {
    let mut targets = Vec::new();
    for (kind, what) in [(Kind::List, "list of 25, unchanged"), (Kind::Detail, "detail")] {
        for coding in [Coding::Zstd, Coding::Br, Coding::Gzip] {
            let (role, name) = (Role::ShopfrontCoded(coding), coding.name());
            let ratio = cheaper(rows, kind, Role::NginxGzipStatic, role);
            let share = results::of(rows, kind, role).map(|figures| figures.body_bytes_share);
            let cpu = format!("{what}, {name}: nginx gzip_static / ours");
            targets.push(target("N5", cpu, Wanted::AtLeast(1.2), "×", ratio));
            let bytes = format!("{what}, {name}: bytes against the plain page");
            targets.push(target("N5", bytes, Wanted::AtMost(0.3), "×", share));
        }
    }
    let composed =
        results::of(rows, Kind::List, Role::ShopfrontComposedZstd).map(|figures| figures.cpu_micros);
    targets.push(target("N5", "list of 25, composed, zstd", Wanted::AtMost(30.0), "µs", composed));
    targets
}

fn starts(start: Option<&Start>) -> Vec<Target> {
    let shops = start.map_or_else(|| "all".to_owned(), |start| start.shops.to_string());
    let first_list_s = start.map(|start| start.first_list_ms / 1e3);
    let sooner = start.and_then(|start| Some(start.redis_first_document_ms? / start.first_list_ms));
    let beside = start.map(|start| start.bytes_beside_the_card_by_shop);
    vec![
        target(
            "N9",
            format!("start with {shops} shops until the first list"),
            Wanted::AtMost(1.0),
            "s",
            first_list_s,
        ),
        target("N9", "Redis loading the same data / ours", Wanted::AtLeast(10.0), "×", sooner),
        target("N12", "memory by shop beside the stored list part", Wanted::AtMost(1_024.0), "bytes", beside),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::results::tests::row;

    #[test]
    fn a_figure_is_short_by_its_share_of_what_was_wanted() {
        for (wanted, measured, expected) in [
            (Wanted::AtLeast(0.75), Some(0.75), Verdict::Pass),
            (Wanted::AtLeast(2.0), Some(1.5), Verdict::Short { by_percent: 25.0 }),
            (Wanted::AtMost(1.0), Some(0.2), Verdict::Pass),
            (Wanted::AtMost(15.0), Some(18.0), Verdict::Short { by_percent: 20.0 }),
            (Wanted::AtMost(1.0), None, Verdict::NotMeasured),
            (Wanted::AtMost(1.0), Some(f64::NAN), Verdict::NotMeasured),
        ] {
            assert_eq!(wanted.verdict(measured), expected, "{wanted:?} {measured:?}");
        }
    }

    #[test]
    fn composed_lists_are_held_against_four_others() {
        let rows = [
            row(Kind::List, Role::NginxStatic, 8.0),
            row(Kind::List, Role::HyperCopied, 9.0),
            row(Kind::List, Role::VarnishHit, 18.0),
            row(Kind::List, Role::ShopfrontComposed, 10.0),
        ];
        let targets = all(&rows, None);
        let composed: Vec<_> = targets.iter().filter(|target| target.number == "N1").collect();
        let measured: Vec<_> = composed.iter().map(|target| target.measured).collect();
        assert_eq!(measured, [Some(0.8), Some(0.9), Some(1.8), None]);
        let verdicts: Vec<_> = composed.iter().map(|target| target.verdict).collect();
        assert_eq!(verdicts[..2], [Verdict::Pass, Verdict::Pass]);
        assert!(matches!(verdicts[2], Verdict::Short { by_percent } if (9.9..10.1).contains(&by_percent)));
        assert_eq!(verdicts[3], Verdict::NotMeasured);
    }

    #[test]
    fn overhead_is_what_comes_on_top() {
        let rows =
            [row(Kind::Detail, Role::HyperPrepared, 8.0), row(Kind::Detail, Role::ShopfrontUnchanged, 9.0)];
        let targets = overhead(&rows);
        assert_eq!((targets[1].measured, targets[1].verdict), (Some(12.5), Verdict::Pass));
        assert_eq!(targets[0].verdict, Verdict::NotMeasured);
    }
}
