//! Bad rows: the first of each reason shown, all written to a file, all counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::value::Problem;
use crate::say::Say;

/// Of each reason so many are printed on the way; the others only go to the file of `--errors` and into the summary.
pub const PRINTED_OF_EACH_MAX: u64 = 5;

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// The first one, with its place.
    pub first: String,
}

/// What became of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shops that the writer had not known.
    pub created: u64,
    /// Shops that are now different.
    pub changed: u64,
    /// Shops that were the same already.
    pub unchanged: u64,
    /// Shops that a check would have sent.
    pub importable: u64,
    /// Rows that `only` and `skip` left out.
    pub skipped: u64,
    /// Rows that are no shop, by reason.
    pub bad: BTreeMap<String, Seen>,
    /// Parts of good rows that could not be used, by reason.
    pub notes: BTreeMap<String, Seen>,
}

impl Counts {
    /// All bad rows.
    #[must_use]
    pub fn bad_rows(&self) -> u64 {
        self.bad.values().map(|seen| seen.count).sum()
    }

    /// All shops that the writer has now.
    #[must_use]
    pub fn shops(&self) -> u64 {
        self.created + self.changed + self.unchanged
    }
}

/// Collects while rows travel.
pub struct Report {
    counts: Counts,
    errors: Option<BufWriter<File>>,
    printed_of_each_max: u64,
    say: Say,
}

/// `file:row`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As it was given on the command line.
    pub file: std::sync::Arc<str>,
    /// See [`super::rows::RowNumber`].
    pub row: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.file, self.row)
    }
}

impl Report {
    /// Nothing happened yet.
    ///
    /// # Errors
    /// The file of `--errors` cannot be written.
    pub fn new(errors: Option<&Path>, say: Say) -> std::io::Result<Self> {
        let errors = errors.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { counts: Counts::default(), errors, printed_of_each_max: PRINTED_OF_EACH_MAX, say })
    }

    /// Nothing is printed on the way: the summary has the first of each reason.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { printed_of_each_max: 0, ..self }
    }

    /// A row that is no shop.
    pub fn bad(&mut self, place: &Place, problem: &Problem) {
        let line = line(place, "", problem);
        let seen = noted(&mut self.counts.bad, &problem.reason, &line);
        self.write(seen, &problem.reason, &line);
    }

    /// A part of a good row that could not be used.
    pub fn note(&mut self, place: &Place, problem: &Problem) {
        let line = line(place, "note: ", problem);
        let seen = noted(&mut self.counts.notes, &problem.reason, &line);
        self.write(seen, &problem.reason, &line);
    }

    fn write(&mut self, seen: u64, reason: &str, line: &str) {
        if seen <= self.printed_of_each_max {
            self.say.aside(line);
        }
        if self.printed_of_each_max > 0 && seen == self.printed_of_each_max + 1 {
            self.say.aside(&format!("more of: {reason}; `--errors FILE` writes down all of them"));
        }
        if let Some(errors) = &mut self.errors {
            // A full disk must not stop the import; the summary still counts.
            drop(writeln!(errors, "{line}"));
        }
    }

    /// To count what the writer said.
    pub fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Ends the file and hands the counts out.
    pub fn finish(mut self) -> Counts {
        if let Some(mut errors) = self.errors.take() {
            drop(errors.flush());
        }
        self.counts
    }
}

/// How often this reason was seen, this time included.
fn noted(all: &mut BTreeMap<String, Seen>, reason: &str, line: &str) -> u64 {
    let seen = all.entry(reason.to_owned()).or_default();
    seen.count += 1;
    if seen.count == 1 {
        line.clone_into(&mut seen.first);
    }
    seen.count
}

fn line(place: &Place, kind: &str, problem: &Problem) -> String {
    let Problem { reason, given, detail } = problem;
    let given = if given.is_empty() { String::new() } else { format!(", given `{}`", one_line(given)) };
    let detail = detail.as_ref().map_or_else(String::new, |detail| format!(": {}", one_line(detail)));
    format!("{place}: {kind}{reason}{given}{detail}")
}

/// What a row held may have line breaks and be long; a report line has neither.
fn one_line(given: &str) -> String {
    let line: String =
        given.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect();
    if given.chars().count() > 200 { line + "…" } else { line }
}

/// The closing lines of an import.
pub fn summary(counts: &Counts, seconds: f64) -> String {
    let head = format!(
        "{} shops in {seconds:.1} s: {} created, {} changed, {} unchanged; {} rows skipped by the mapping, {} bad",
        counts.shops(),
        counts.created,
        counts.changed,
        counts.unchanged,
        counts.skipped,
        counts.bad_rows(),
    );
    with_reasons(head, counts, false)
}

/// The closing lines of a check.
pub fn check_summary(counts: &Counts, seconds: f64) -> String {
    let head = format!(
        "{} shops would be imported; {} rows skipped by the mapping, {} bad (checked in {seconds:.1} s, nothing was sent)",
        counts.importable,
        counts.skipped,
        counts.bad_rows(),
    );
    with_reasons(head, counts, true)
}

fn with_reasons(head: String, counts: &Counts, with_first: bool) -> String {
    let mut lines = vec![head];
    for (kind, all) in [("bad", &counts.bad), ("note", &counts.notes)] {
        for (reason, Seen { count, first }) in all {
            lines.push(format!("  {count:>7} {kind}: {reason}"));
            if with_first {
                lines.push(format!("          first: {first}"));
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_shows_the_first_of_each_reason_and_all_are_counted() {
        let mut report = Report::new(None, Say::default()).unwrap().quiet();
        let at = |row| Place { file: "x.csv".into(), row };
        report.bad(&at(2), &Problem::new("coordinates are missing", ""));
        report.bad(&at(5), &Problem::new("coordinates are missing", ""));
        report.bad(&at(6), &Problem::because("row cannot be read", &"a quote is not closed"));
        report.note(&at(7), &Problem::new("opening hours are not weekly hours, left out", "by\nhand"));
        report.counts_mut().importable = 4;
        assert_eq!(
            check_summary(&report.finish(), 0.25),
            "4 shops would be imported; 0 rows skipped by the mapping, 3 bad (checked in 0.2 s, nothing was sent)\n\
             \x20       2 bad: coordinates are missing\n\
             \x20         first: x.csv:2: coordinates are missing\n\
             \x20       1 bad: row cannot be read\n\
             \x20         first: x.csv:6: row cannot be read: a quote is not closed\n\
             \x20       1 note: opening hours are not weekly hours, left out\n\
             \x20         first: x.csv:7: note: opening hours are not weekly hours, left out, given `by hand`"
        );
    }
}
