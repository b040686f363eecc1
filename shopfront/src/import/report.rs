//! Bad rows: the first of each reason printed, all written to a file, all counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::value::Problem;
use crate::say::Say;

/// Of each reason so many are printed; the others only go to the file of `--errors` and into the summary.
pub const PRINTED_OF_EACH_MAX: u64 = 5;

/// What became of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shops that the writer had not known.
    pub created: u64,
    /// Shops that are now different.
    pub changed: u64,
    /// Shops that were the same already.
    pub unchanged: u64,
    /// Rows that `only` and `skip` left out.
    pub skipped: u64,
    /// Rows that are no shop, by reason.
    pub bad: BTreeMap<String, u64>,
    /// Parts of good rows that could not be used, by reason.
    pub notes: BTreeMap<String, u64>,
}

impl Counts {
    /// All bad rows.
    #[must_use]
    pub fn bad_rows(&self) -> u64 {
        self.bad.values().sum()
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
        Ok(Self { counts: Counts::default(), errors, say })
    }

    /// A row that is no shop.
    pub fn bad(&mut self, place: &Place, problem: &Problem) {
        let seen = self.counts.bad.entry(problem.reason.clone()).or_default();
        *seen += 1;
        let seen = *seen;
        self.write(seen, place, problem, "");
    }

    /// A part of a good row that could not be used.
    pub fn note(&mut self, place: &Place, problem: &Problem) {
        let seen = self.counts.notes.entry(problem.reason.clone()).or_default();
        *seen += 1;
        let seen = *seen;
        self.write(seen, place, problem, "note: ");
    }

    fn write(&mut self, seen: u64, place: &Place, problem: &Problem, kind: &str) {
        let line = format!("{place}: {kind}{}, given `{}`", problem.reason, one_line(&problem.given));
        if seen <= PRINTED_OF_EACH_MAX {
            self.say.aside(&line);
        }
        if seen == PRINTED_OF_EACH_MAX + 1 {
            self.say.aside(&format!("(more of: {}; all of them in the file of --errors)", problem.reason));
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

/// What a row held may have line breaks and be long; a report line has neither.
fn one_line(given: &str) -> String {
    let line: String =
        given.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect();
    if given.chars().count() > 200 { line + "…" } else { line }
}

/// The closing lines.
pub fn summary(counts: &Counts, seconds: f64) -> String {
    let mut lines = vec![format!(
        "{} shops in {seconds:.1} s: {} created, {} changed, {} unchanged; {} rows skipped by the mapping, {} bad",
        counts.shops(),
        counts.created,
        counts.changed,
        counts.unchanged,
        counts.skipped,
        counts.bad_rows(),
    )];
    let reasons = |kind: &str, counted: &BTreeMap<String, u64>| -> Vec<String> {
        counted.iter().map(|(reason, count)| format!("  {count:>7} {kind}: {reason}")).collect()
    };
    lines.extend(reasons("bad", &counts.bad));
    lines.extend(reasons("note", &counts.notes));
    lines.join("\n")
}
