//! What was found, for programs and for people.

use std::fmt;

use shop_id::Writer;

use super::Options;

/// What became of one promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As far as was seen.
    Kept,
    /// Subscribers go wrong, or wait for ever.
    Broken(String),
    /// Subscribers manage; people and operators will not like it.
    Advice(String),
    /// Could not be seen, and why.
    Skipped(String),
}

/// One promise and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// A sentence of the contract.
    pub promise: &'static str,
    /// What became of it.
    pub verdict: Verdict,
}

/// All promises, in the order of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who was asked.
    pub writer: Writer,
    /// Where.
    pub base_url: String,
    /// What was found.
    pub checks: Vec<Checked>,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        Self { writer: options.writer, base_url: options.base_url.clone(), checks: Vec::new() }
    }

    pub(super) fn add(&mut self, promise: &'static str, verdict: Verdict) {
        self.checks.push(Checked { promise, verdict });
    }

    /// The usual case: kept, or broken for this reason.
    pub(super) fn must(&mut self, promise: &'static str, kept: Result<(), String>) {
        self.add(promise, kept.map_or_else(Verdict::Broken, |()| Verdict::Kept));
    }

    /// Kept, or to be advised against for this reason.
    pub(super) fn should(&mut self, promise: &'static str, kept: Result<(), String>) {
        self.add(promise, kept.map_or_else(Verdict::Advice, |()| Verdict::Kept));
    }

    /// No promise is broken.
    #[must_use]
    pub fn is_conformant(&self) -> bool {
        !self.checks.iter().any(|checked| matches!(checked.verdict, Verdict::Broken(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "the {} writer at {}:", self.writer, self.base_url)?;
        for Checked { promise, verdict } in &self.checks {
            match verdict {
                Verdict::Kept => writeln!(out, "  kept     {promise}")?,
                Verdict::Broken(why) => writeln!(out, "  BROKEN   {promise}: {why}")?,
                Verdict::Advice(why) => writeln!(out, "  advice   {promise}: {why}")?,
                Verdict::Skipped(why) => writeln!(out, "  skipped  {promise}: {why}")?,
            }
        }
        let broken =
            self.checks.iter().filter(|checked| matches!(checked.verdict, Verdict::Broken(_))).count();
        write!(out, "{} promises, {broken} broken", self.checks.len())
    }
}
