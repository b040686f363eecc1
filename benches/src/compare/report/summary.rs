//! Results as tables: who cost what, and what was to be reached.

use crate::compare::environment::Environment;
use crate::compare::report::table::Table;
use crate::compare::results::{Outcome, Results, Row};
use crate::compare::sampled::{Kind, Likeness};
use crate::compare::targets::{Target, Verdict, Wanted};

/// Longest reason in a table.
const REASON_LETTERS_MAX: usize = 56;

/// For a terminal.
#[must_use]
pub fn plain(results: &Results) -> String {
    let mut text = String::new();
    for likeness in &results.pages {
        text.push_str(&format!("{}\n", likeness_line(likeness)));
    }
    text.push('\n');
    text.push_str(&contestants(results).plain());
    text.push('\n');
    text.push_str(&targets(&results.targets).plain());
    text
}

/// For the documentation.
#[must_use]
pub fn markdown(results: &Results) -> String {
    let environment = &results.environment;
    let mut text = String::from("# Side by side with others\n\n");
    text.push_str("Written by `cargo xtask compare`; every figure with all rounds is in [compare.json](compare.json).\n\n");
    text.push_str(&format!("{}\n\n", circumstances(environment)));
    text.push_str("![CPU time per request](compare.svg)\n\n");
    for likeness in &results.pages {
        text.push_str(&format!("- {}\n", likeness_line(likeness)));
    }
    text.push_str(concat!(
        "\n**CPU** is that of all processes of a contestant, the store's and the origin's included, per request at full\n",
        "speed, the median of interleaved rounds. **× nginx** is nginx' CPU with static files divided by the row's: above 1 is\n",
        "cheaper than a file. **Latency** is at a fixed rate, counted from when a request was due. **Memory** is resident, in\n",
        "parentheses what no file holds. All contestants answered with the same shops in the same order.\n\n",
    ));
    text.push_str(&contestants(results).markdown());
    text.push_str("\n## Targets\n\n");
    text.push_str(&targets(&results.targets).markdown());
    text
}

fn circumstances(environment: &Environment) -> String {
    let unknown = || "unknown".to_owned();
    let commit =
        environment.git_commit.as_deref().map_or_else(unknown, |commit| commit.chars().take(12).collect());
    let changed = if environment.git_has_changes { " with local changes" } else { "" };
    let versions: Vec<String> =
        environment.versions.iter().map(|known| format!("{} {}", known.name, known.version)).collect();
    format!(
        "{}, {} cores shared by servers and load generator, {}, {}; load before the start {}. Commit {commit}{changed}, {}. \
         Versions: {}.\n\n```sh\n{}\n```",
        environment.cpu_model.clone().unwrap_or_else(unknown),
        environment.cores,
        environment.system.clone().unwrap_or_else(unknown),
        environment.kernel.clone().unwrap_or_else(unknown),
        environment.load_before.map_or_else(unknown, |load| format!("{load:.2}")),
        environment.finished_at,
        versions.join(", "),
        environment.command,
    )
}

fn likeness_line(likeness: &Likeness) -> String {
    format!(
        "{}: {} distinct pages of {} bytes (median; {} to {}), {} cards",
        likeness.kind.title(),
        likeness.pages,
        likeness.body_bytes_median,
        likeness.body_bytes_min,
        likeness.body_bytes_max,
        likeness.cards_median,
    )
}

fn contestants(results: &Results) -> Table {
    let head =
        ["page", "who", "CPU µs", "× nginx", "body bytes", "p50 ms", "p99 ms", "p99.9 ms", "memory MiB"];
    let mut table = Table::new(2, &head);
    for kind in Kind::ALL {
        for row in results.rows.iter().filter(|row| row.kind == kind) {
            table.row(cells(row));
        }
    }
    table
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.kind.title().to_owned(), row.name.clone()];
    match &row.outcome {
        Outcome::Measured(figures) => cells.extend([
            format!("{:.2}", figures.cpu_micros),
            figures.times_nginx_static.map_or_else(String::new, |times| format!("{times:.2}")),
            figures.body_bytes.to_string(),
            format!("{:.2}", figures.latency_p50_ms),
            format!("{:.2}", figures.latency_p99_ms),
            format!("{:.2}", figures.latency_p999_ms),
            format!("{} ({})", figures.resident_bytes >> 20, figures.anonymous_bytes >> 20),
        ]),
        Outcome::NotMeasured(why) => {
            if let Some(name) = cells.last_mut() {
                // Whole errors are in the JSON; a table has one line for each.
                let why: String =
                    why.lines().next().unwrap_or_default().chars().take(REASON_LETTERS_MAX).collect();
                name.push_str(&format!(" (not measured: {why})"));
            }
        }
    }
    cells
}

fn targets(targets: &[Target]) -> Table {
    let mut table = Table::new(2, &["", "target", "wanted", "measured", "verdict"]);
    for target in targets {
        let unit = if target.unit == "×" { "×".to_owned() } else { format!(" {}", target.unit) };
        let wanted = match target.wanted {
            Wanted::AtLeast(wanted) => format!("≥ {wanted}{unit}"),
            Wanted::AtMost(wanted) => format!("≤ {wanted}{unit}"),
        };
        let measured = target.measured.map_or_else(String::new, |measured| format!("{measured:.2}{unit}"));
        let verdict = match target.verdict {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Short { by_percent } => format!("short by {by_percent:.0} %"),
            Verdict::NotMeasured => "not measured".to_owned(),
        };
        table.row([target.number.to_owned(), target.what.clone(), wanted, measured, verdict]);
    }
    table
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::contestants::{Coding, Role};
    use crate::compare::results::tests::row;
    use crate::compare::{results, targets as verdicts};

    pub(crate) fn some_results() -> Results {
        let mut rows = vec![
            row(Kind::List, Role::NginxStatic, 8.0),
            row(Kind::List, Role::VarnishEsi, 628.0),
            row(Kind::List, Role::ShopfrontComposed, 10.0),
        ];
        rows.push(results::Row {
            kind: Kind::List,
            role: Role::ShopfrontCoded(Coding::Br),
            name: "Shopfront, unchanged, br".to_owned(),
            outcome: Outcome::NotMeasured("not offered\nmore".to_owned()),
        });
        let environment = Environment {
            command: "cargo xtask compare".to_owned(),
            finished_at: "2026-11-24T09:00:00Z".to_owned(),
            git_commit: Some("0123456789abcdef".to_owned()),
            git_has_changes: false,
            cpu_model: Some("A CPU".to_owned()),
            cores: 2,
            memory_bytes: None,
            kernel: None,
            system: None,
            load_before: Some(0.1),
            versions: Vec::new(),
        };
        let targets = verdicts::all(&rows, None);
        Results { environment, pages: Vec::new(), rows, start: None, targets }
    }

    #[test]
    fn the_table_names_who_was_not_measured_and_why() {
        expect_test::expect![[r#"
            page              who                                                   CPU µs  × nginx  body bytes  p50 ms  p99 ms  p99.9 ms  memory MiB
            List of 25 shops  nginx, static files                                     8.00                14500    0.12    0.40      1.25      20 (5)
            List of 25 shops  Varnish, ESI of a fragment per card                   628.00                14500    0.12    0.40      1.25      20 (5)
            List of 25 shops  Shopfront, composed                                    10.00                14500    0.12    0.40      1.25      20 (5)
            List of 25 shops  Shopfront, unchanged, br (not measured: not offered)
        "#]]
        .assert_eq(&contestants(&some_results()).plain());
    }

    #[test]
    fn a_verdict_says_by_how_much_it_is_short() {
        let rows = [row(Kind::List, Role::NginxStatic, 6.0), row(Kind::List, Role::ShopfrontComposed, 10.0)];
        let first: Vec<Target> = verdicts::all(&rows, None).into_iter().take(2).collect();
        expect_test::expect![[r#"
                target                                                    wanted  measured        verdict
            N1  list of 25, composed: nginx static / ours                ≥ 0.75×     0.60×  short by 20 %
            N1  list of 25, composed: hyper copying 25 fragments / ours  ≥ 0.85×             not measured
        "#]]
        .assert_eq(&targets(&first).plain());
    }

    #[test]
    fn the_page_names_machine_commit_and_command() {
        let page = markdown(&some_results());
        for expected in
            ["A CPU, 2 cores", "Commit 0123456789ab, ", "```sh\ncargo xtask compare\n```", "| N1 |"]
        {
            assert!(page.contains(expected), "{expected}: {page}");
        }
    }
}
