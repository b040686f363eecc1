//! The same results for people, for a page of the documentation and for programs.

pub mod table; //    cells           -> aligned text, Markdown
pub mod summary; //  results         -> the two tables
pub mod chart; //    results         -> SVG

use std::path::Path;

use anyhow::Context;

use crate::compare::results::Results;

/// Writes `compare.json`, `compare.md` and `compare.svg`.
///
/// # Errors
/// When they cannot be written.
pub fn keep(results: &Results, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let json = serde_json::to_string_pretty(results)? + "\n";
    for (name, text) in [
        ("compare.json", json),
        ("compare.md", summary::markdown(results)),
        ("compare.svg", chart::svg(results)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
