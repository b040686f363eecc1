//! A file, this process's variables and `--set` -> what a program would be told, read by the program's own loader.
//!
//! A configuration that the program refuses is refused here in the same words.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use service_runtime::config;
use shop_id::Writer;
use shop_search::SearchPlace;

use super::DoctorOptions;
use super::dependency::{Dependency, Needed};
use crate::demo::layout::{ALL, Program};

/// Of a configuration that leads to all of them.
const OF_THE_DEMO: [&str; 2] = ["demo-data/config/invalidator.toml", "demo-data/config/query-server.toml"];

/// What a program is told beside its file.
struct Beside<'a> {
    flags: &'a [String],
    variables: Vec<(String, String)>,
}

/// What the configurations lead to, in the order in which one change travels.
pub(super) fn needed(
    options: &DoctorOptions,
    variables: impl Iterator<Item = (String, String)>,
) -> anyhow::Result<Vec<Needed>> {
    let beside = Beside { flags: &options.set, variables: variables.collect() };
    let mut all: Vec<Needed> = Vec::new();
    for (program, file) in programs(options)? {
        let dependencies = dependencies(program, file.as_deref(), &beside).map_err(|refused| {
            let refused = in_its_words(program.name(), &refused);
            if options.configurations.is_empty() && options.program.is_none() {
                refused.context("no configuration is named, so that of the demo is read")
            } else {
                refused
            }
        })?;
        for dependency in dependencies {
            match all.iter_mut().find(|needed| needed.dependency == dependency) {
                Some(needed) if needed.by.contains(&program) => {}
                Some(needed) => needed.by.push(program),
                None => all.push(Needed { dependency, by: vec![program] }),
            }
        }
    }
    all.sort_by_key(|needed| needed.dependency.place());
    Ok(all)
}

/// What a program was built with is its own to say: here it is this one that lacks something.
fn in_its_words(name: &str, refused: &config::ConfigError) -> anyhow::Error {
    if refused.reason.contains("built without") {
        anyhow::anyhow!("{name}: {refused}; it is this `shopfront` that was, `{name}` may have it")
    } else {
        anyhow::anyhow!("{name}: {refused}")
    }
}

/// `None`: a program that is configured by variables and flags alone.
fn programs(options: &DoctorOptions) -> anyhow::Result<Vec<(Program, Option<PathBuf>)>> {
    let files = match (&options.configurations, options.program) {
        (files, Some(program)) if files.is_empty() => return Ok(vec![(program, None)]),
        (files, None) if files.is_empty() => OF_THE_DEMO.map(PathBuf::from).to_vec(),
        (files, _) => files.clone(),
    };
    files
        .into_iter()
        .map(|file| {
            let program = options.program.or_else(|| of_name(&file)).or_else(|| of_keys(&file));
            let program = program.with_context(|| {
                let names = ALL.iter().map(|program| format!("`{}`", program.name())).collect::<Vec<_>>();
                format!(
                    "`{}` does not say which program it is for; name it with `--program`, or the file after it ({})",
                    file.display(),
                    names.join(", ")
                )
            })?;
            Ok((program, Some(file)))
        })
        .collect()
}

/// `/etc/shopfront/invalidator.toml`, `query-server-eu.toml`
fn of_name(file: &Path) -> Option<Program> {
    let name = file.file_stem().and_then(OsStr::to_str)?;
    ALL.iter().copied().find(|program| name.contains(program.name()))
}

/// By a key that only one program knows.
fn of_keys(file: &Path) -> Option<Program> {
    let text = std::fs::read_to_string(file).ok();
    let Some(table) = text.and_then(|text| text.parse::<toml::Table>().ok()) else {
        // Any program says what is wrong with it.
        return Some(Program::QueryServer);
    };
    [("writers", Program::Invalidator), ("public", Program::QueryServer)]
        .into_iter()
        .find_map(|(key, program)| table.contains_key(key).then_some(program))
}

fn dependencies(
    program: Program,
    file: Option<&Path>,
    beside: &Beside<'_>,
) -> Result<Vec<Dependency>, config::ConfigError> {
    Ok(match program {
        Program::Invalidator => of_invalidator(read(file, beside)?),
        Program::QueryServer => of_query_server(read(file, beside)?),
        Program::ShopWriter => of_writer(read(file, beside)?, Writer::Shop),
        Program::AdsWriter => of_writer(read(file, beside)?, Writer::Ads),
        Program::ReviewsWriter => of_writer(read(file, beside)?, Writer::Reviews),
    })
}

fn read<T: DeserializeOwned>(file: Option<&Path>, beside: &Beside<'_>) -> Result<T, config::ConfigError> {
    let file = file.map(|file| ["--config".to_owned(), file.display().to_string()]);
    let flags = beside.flags.iter().flat_map(|pair| ["--set".to_owned(), pair.clone()]);
    config::load(file.into_iter().flatten().chain(flags), beside.variables.clone())
}

fn of_invalidator(told: invalidator::Config) -> Vec<Dependency> {
    let writers = told.writers.all();
    let followed = writers.iter().map(|(writer, _)| *writer).collect();
    let mut found: Vec<Dependency> = writers
        .into_iter()
        .map(|(writer, url)| Dependency::Writer(writer, url.as_str().to_owned()))
        .collect();
    found.push(Dependency::Events(told.events, followed));
    found.push(Dependency::Store(told.store, told.store_password_file));
    found.extend(engine(told.search, told.search_access));
    found
}

fn of_query_server(told: query_server::Config) -> Vec<Dependency> {
    let store = Dependency::Store(told.store, told.store_password_file);
    [store].into_iter().chain(engine(told.search, told.search_access)).collect()
}

fn of_writer(told: writer_services::Config, writer: Writer) -> Vec<Dependency> {
    vec![Dependency::Events(told.events, vec![writer])]
}

fn engine(place: SearchPlace, access: shop_search::SearchAccess) -> Option<Dependency> {
    match place {
        SearchPlace::Embedded => None,
        SearchPlace::Engine(address) => Some(Dependency::Search(address, access)),
    }
}

#[cfg(test)]
mod tests;
