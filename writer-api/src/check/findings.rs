//! What is wrong: where, what stands there, what is expected instead.

use std::fmt::Display;

use crate::shape;

/// One wrong value.
pub use crate::shape::WrongMember as Finding;

/// Wrong values that are listed; one mistake often makes thousands.
const FINDINGS_MAX: usize = 20;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// A finding unless the condition holds. Path and value are made only when they are needed.
    pub fn expect(&mut self, holds: bool, path: impl Path, given: impl Display, expected: impl Display) {
        if holds || self.0.len() >= FINDINGS_MAX {
            return;
        }
        let given = Some(shape::shortened(&given.to_string()));
        self.0.push(Finding { path: path.path(), given, expected: expected.to_string() });
    }

    /// At most so many elements.
    pub fn expect_count(&mut self, path: impl Path, count: usize, max: usize) {
        self.expect(count <= max, path, format_args!("{count} elements"), format_args!("at most {max}"));
    }

    /// What was found in a member, whose own paths begin there.
    pub fn take(&mut self, member: &str, inner: Self) {
        let room = FINDINGS_MAX.saturating_sub(self.0.len());
        let below = |finding: Finding| Finding { path: format!("{member}.{}", finding.path), ..finding };
        self.0.extend(inner.0.into_iter().take(room).map(below));
    }

    /// All that was found, in the order of the members.
    ///
    /// # Errors
    /// Unless nothing was.
    pub fn into_result(self) -> Result<(), Vec<Finding>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// The first findings in one sentence each.
#[must_use]
pub fn sentence(findings: &[Finding]) -> String {
    const SAID_MAX: usize = 3;
    let said: Vec<String> = findings.iter().take(SAID_MAX).map(ToString::to_string).collect();
    let more = match findings.len().saturating_sub(SAID_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", said.join("; "))
}

/// A path, or the way to make one.
pub trait Path {
    /// The path itself.
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
