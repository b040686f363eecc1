//! What the operator sees: results on standard output, asides and progress on standard error.

use std::io::Write as _;

use indicatif::{MultiProgress, ProgressBar};

/// Speaks to the operator. Cloning shares the terminal, so that a line never lands in a progress bar.
#[derive(Clone, Debug, Default)]
pub struct Say {
    bars: MultiProgress,
}

impl Say {
    /// A result. A reader that went away (`| head`) is no error.
    pub fn result(&self, text: &str) {
        self.bars.suspend(|| drop(writeln!(std::io::stdout().lock(), "{text}")));
    }

    /// Something on the way.
    pub fn aside(&self, text: &str) {
        self.bars.suspend(|| drop(writeln!(std::io::stderr().lock(), "{text}")));
    }

    /// Shows a bar; it stays invisible where there is no terminal.
    pub fn bar(&self, bar: ProgressBar) -> ProgressBar {
        self.bars.add(bar)
    }
}
