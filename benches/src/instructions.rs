//! Instructions per request on the hot path, held against what is written down.
//!
//! Counted, not timed: the same on a busy machine, so a test may fail on them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};

/// By how much a path may become dearer or cheaper unnoticed, in percent. Two runs of one build differ by less than a tenth
/// of that: maps whose hashes are seeded anew by every process.
pub const TOLERANCE_PERCENT: u64 = 5;

/// Instructions per request of each path by name, in the order of their names.
pub type Instructions = BTreeMap<String, u64>;

/// What is written down.
///
/// # Errors
/// When there is no such file, or it holds something else.
pub fn read(file: &Path) -> anyhow::Result<Instructions> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("{}: expected lines of `path = instructions`", file.display()))
}

/// Writes down what was counted.
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, head: &str, counted: &Instructions) -> anyhow::Result<()> {
    let lines = counted.iter().map(|(path, instructions)| format!("{path:?} = {instructions}\n"));
    let text: String = std::iter::once(head.to_owned()).chain(lines).collect();
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

/// One sentence per path that is not as written down; none: all are.
#[must_use]
pub fn differences(expected: &Instructions, counted: &Instructions) -> Vec<String> {
    let mut differences = Vec::new();
    for (path, counted) in counted {
        let Some(expected) = expected.get(path) else {
            differences.push(format!("`{path}` takes {counted} instructions and is not written down yet"));
            continue;
        };
        let difference = counted.abs_diff(*expected);
        if difference * 100 > expected * TOLERANCE_PERCENT {
            let per_mille = difference * 1_000 / (*expected).max(1);
            let (percent, tenths) = (per_mille / 10, per_mille % 10);
            let word = if counted > expected { "dearer" } else { "cheaper" };
            differences.push(format!(
                "`{path}` became {percent}.{tenths} % {word}: {counted} instructions, expected {expected} within {TOLERANCE_PERCENT} %"
            ));
        }
    }
    let gone = expected.keys().filter(|path| !counted.contains_key(*path));
    differences.extend(gone.map(|path| format!("`{path}` is written down and was not counted")));
    differences
}

/// The instructions of one of callgrind's dumps.
///
/// # Errors
/// When it is none.
pub fn of_dump(dump: &str) -> anyhow::Result<u64> {
    ensure!(dump.lines().any(|line| line == "events: Ir"), "expected a dump of callgrind with `events: Ir`");
    let summary =
        dump.lines().find_map(|line| line.strip_prefix("summary: ")).context("a dump without `summary:`")?;
    summary.trim().parse().with_context(|| format!("`{summary}` instructions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[(&str, u64)]) -> Instructions {
        paths.iter().map(|(path, instructions)| ((*path).to_owned(), *instructions)).collect()
    }

    #[test]
    fn a_path_is_named_once_it_leaves_its_tolerance_in_either_direction() {
        let expected = of(&[("kept list", 10_000)]);
        for (counted, said) in [
            (10_500, None),
            (9_500, None),
            (10_501, Some("`kept list` became 5.0 % dearer: 10501 instructions, expected 10000 within 5 %")),
            (
                30_000,
                Some("`kept list` became 200.0 % dearer: 30000 instructions, expected 10000 within 5 %"),
            ),
            (9_000, Some("`kept list` became 10.0 % cheaper: 9000 instructions, expected 10000 within 5 %")),
        ] {
            let differences = differences(&expected, &of(&[("kept list", counted)]));
            assert_eq!(differences.first().map(String::as_str), said, "{counted}");
        }
    }

    #[test]
    fn a_path_that_came_or_went_is_named() {
        let said = differences(&of(&[("old", 1)]), &of(&[("new", 2)]));
        assert_eq!(
            said,
            [
                "`new` takes 2 instructions and is not written down yet",
                "`old` is written down and was not counted"
            ]
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("instructions.toml");
        let counted = of(&[("a composed list", 7), ("25 \"cards\"", 8)]);
        write(&file, "# A head.\n", &counted).unwrap();
        assert_eq!(read(&file).unwrap(), counted);
        std::fs::write(&file, "\"a\" = \"b\"").unwrap();
        assert!(
            format!("{:#}", read(&file).unwrap_err()).contains("expected lines of `path = instructions`")
        );
    }

    #[test]
    fn a_dump_says_its_instructions() {
        assert_eq!(of_dump("version: 1\nevents: Ir\nsummary: 4711\n\nfn=x\n").unwrap(), 4_711);
        for dump in ["", "events: Ir\n", "events: Ir\nsummary: many\n", "events: Ir Dr\nsummary: 1 2\n"] {
            assert!(of_dump(dump).is_err(), "{dump}");
        }
    }
}
