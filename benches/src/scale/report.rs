//! The same figures for people, for a page of the documentation and for programs.

use std::path::Path;

use anyhow::Context;

use crate::compare::report::table::Table;
use crate::scale::lanes::Way;
use crate::scale::saves::Beside;
use crate::scale::{Disturbed, Scale, Size};

/// Writes `scale.json` and `scale.md`.
///
/// # Errors
/// When they cannot be written.
pub fn keep(scale: &Scale, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in
        [("scale.json", serde_json::to_string_pretty(scale)? + "\n"), ("scale.md", markdown(scale))]
    {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The table for a terminal.
#[must_use]
pub fn plain(scale: &Scale) -> String {
    table(scale).plain()
}

fn markdown(scale: &Scale) -> String {
    let environment = &scale.environment;
    format!(
        "# What grows with the number of shops\n\nWritten by `{}`; every figure with all rounds is in [scale.json](scale.json). \
         {}, {} cores shared by servers and load generator; load before the start {}. Commit {}, {}.\n\n\
         CPU is the query server's per list of 25 at full speed; sizes take turns, the median of the rounds counts. Memory is what \
         no file holds. A start is from the start of the process to its first list. Saves are durable, 256 of them wait for \
         the disk at the same time.\n\n{}",
        environment.command,
        environment.cpu_model.as_deref().unwrap_or("unknown processor"),
        environment.cores,
        environment.load_before.map_or("unknown".to_owned(), |load| format!("{load:.2}")),
        environment.git_commit.as_deref().map_or("unknown", |commit| &commit[..commit.len().min(12)]),
        environment.finished_at,
        table(scale).markdown(),
    )
}

fn table(scale: &Scale) -> Table {
    let sizes: Vec<String> = scale.sizes.iter().map(|size| format!("{} shops", size.start.shops)).collect();
    let head: Vec<&str> = std::iter::once("what").chain(sizes.iter().map(String::as_str)).collect();
    let mut table = Table::new(1, &head);
    let mut row = |what: &str, cell: &dyn Fn(&Size) -> String| {
        table.row(std::iter::once(what.to_owned()).chain(scale.sizes.iter().map(cell)));
    };
    for way in Way::ALL {
        row(&format!("{}, µs of CPU", way.title()), &|size| {
            listed(size, way, |lists| format!("{:.1}", lists.cpu_micros))
        });
    }
    for way in [Way::Composed, Way::ComposedOnOneCore] {
        row(&format!("{}, lists a second", way.title()), &|size| {
            listed(size, way, |lists| format!("{:.0}", lists.per_second))
        });
    }
    for (beside, what) in [
        (Beside::Calm, "list, unchanged, nothing saved meanwhile"),
        (Beside::Changes, "list, unchanged, beside 1,000 saves a second"),
        (Beside::FullResync, "list, unchanged, beside a full resync"),
    ] {
        row(&format!("{what}, µs of CPU"), &|size| disturbed(size, beside, |one| one.cpu_micros));
    }
    row("saves a second of that full resync", &|size| {
        disturbed(size, Beside::FullResync, |one| one.saves_per_second)
    });
    row("start to the first list, ms", &|size| format!("{:.0}", size.start.first_list_ms));
    row("memory, all cards resident, MiB", &|size| mebibytes(size.start.anonymous_bytes));
    row("memory after all rounds, a tenth of the cards resident, MiB", &|size| {
        listed(size, Way::ComposedBounded, |lists| mebibytes(lists.anonymous_bytes))
    });
    row("stored list parts, MiB", &|size| mebibytes(size.start.list_part_bytes));
    row("memory beside the list part, bytes a shop", &|size| {
        format!("{:.0}", size.start.bytes_beside_the_card_by_shop)
    });
    row("document store on disk, MiB", &|size| mebibytes(size.store_bytes));
    row("documents saved a second", &|size| format!("{:.0}", size.saves.per_second));
    row("a save, µs of CPU", &|size| format!("{:.0}", size.saves.cpu_micros));
    table
}

fn listed(size: &Size, way: Way, cell: impl Fn(&crate::scale::Listed) -> String) -> String {
    size.lists.iter().find(|lists| lists.way == way).map(cell).unwrap_or_default()
}

fn disturbed(size: &Size, beside: Beside, figure: impl Fn(&Disturbed) -> f64) -> String {
    let one = size.disturbed.iter().find(|one| one.beside == beside);
    one.map(|one| format!("{:.1}", figure(one))).unwrap_or_default()
}

fn mebibytes(bytes: u64) -> String {
    format!("{}", bytes >> 20)
}
