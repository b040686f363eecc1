//! Is a service a writer? Asks any base URL as subscribers do, and badly on purpose, and reports promise by promise.
//!
//! [`check`] only reads, so that it may be run against a service in production. [`check_change`] is told how to make a
//! change and watches it arrive. `CONTRACT.md` says the same in prose.

mod changed_since; // commit order, cursors, restores
mod changing; //      one change, watched
mod probe; //         how is asked
mod refusals; //      what is asked wrongly
mod report; //        what was found
mod sections; //      one, many, all

use std::time::Duration;

use shop_id::Writer;

use probe::Probe;

pub use changing::check_change;
pub use report::{Checked, Report, Verdict};

/// Whom to ask, and how much.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who should answer.
    pub writer: Writer,
    /// For example `http://127.0.0.1:7101`.
    pub base_url: String,
    /// Of one request.
    pub timeout: Duration,
    /// So many sections and changes are read, not all of a large service.
    pub sections_max: usize,
}

impl Options {
    /// Ten seconds a request, two thousand sections.
    #[must_use]
    pub fn new(writer: Writer, base_url: impl Into<String>) -> Self {
        Self { writer, base_url: base_url.into(), timeout: Duration::from_secs(10), sections_max: 2_000 }
    }
}

/// Checks everything that can be seen by reading.
pub async fn check(options: &Options) -> Report {
    let probe = Probe::new(options);
    let mut report = Report::new(options);
    let seen = sections::all(&probe, options, &mut report).await;
    changed_since::all(&probe, options, &seen, &mut report).await;
    refusals::all(&probe, &seen, &mut report).await;
    report
}
