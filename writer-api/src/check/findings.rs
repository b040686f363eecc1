//! What is wrong: where, what stands there, what is expected instead.

use std::fmt::{self, Display};

use serde::Serialize;

/// One wrong value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Where, for example `delivery.fee_ladder[1].fee.amount`.
    pub(crate) path: String,
    /// What stands there, shortened.
    pub(crate) given: String,
    /// What may stand there.
    pub(crate) expected: String,
}

impl Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, given, expected } = self;
        write!(out, "`{path}` is `{given}`, expected {expected}")
    }
}

/// Wrong values that are listed; one mistake often makes thousands.
const FINDINGS_MAX: usize = 20;
/// Characters of a wrong value that are repeated to its sender.
const GIVEN_CHARS_MAX: usize = 80;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// A finding unless the condition holds. Path and value are made only when they are needed.
    pub(crate) fn expect(
        &mut self,
        holds: bool,
        path: impl Path,
        given: impl Display,
        expected: impl Display,
    ) {
        if holds || self.0.len() >= FINDINGS_MAX {
            return;
        }
        let said = given.to_string();
        let mut given: String = said.chars().take(GIVEN_CHARS_MAX).collect();
        if given.len() < said.len() {
            given.push('…');
        }
        self.0.push(Finding { path: path.path(), given, expected: expected.to_string() });
    }

    /// At most so many elements.
    pub(crate) fn expect_count(&mut self, path: impl Path, count: usize, max: usize) {
        self.expect(count <= max, path, format_args!("{count} elements"), format_args!("at most {max}"));
    }

    /// `Ok` when nothing was found.
    pub(crate) fn into_result(self) -> Result<(), Vec<Finding>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A path, or the way to make one.
pub(crate) trait Path {
    fn path(self) -> String;
}

impl Path for &str {
    fn path(self) -> String {
        self.to_owned()
    }
}

impl<F: FnOnce() -> String> Path for F {
    fn path(self) -> String {
        self()
    }
}
