//! The suites that need real servers: which there are, what the run of all tests said of each, and of which backend nothing was said.
//!
//! They run among all other tests, so that nothing is built twice. What is heard is which binary runs and how each of its tests
//! ended; a test that names a backend speaks for that backend, any other for all backends of its suite.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;

/// One test target that needs servers.
#[derive(Debug)]
pub(crate) struct Suite {
    package: &'static str,
    target: &'static str,
    /// Which turns it on, here and in whatever depends on it.
    feature: &'static str,
    /// The server, and the words by which tests name it.
    backends: &'static [(&'static str, &'static str)],
    /// Whether each of its tests runs on all of them, so that none names one.
    each_on_all: bool,
}

impl Suite {
    /// Whether nothing can be said of this backend, since it is missing or its tests need another one that is.
    fn lacks(&self, server: &str, missing: &BTreeSet<&str>) -> bool {
        let another = || self.backends.iter().any(|(server, _)| missing.contains(server));
        missing.contains(server) || (self.each_on_all && another())
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}/tests/{}", self.package, self.target)
    }
}

const SUITES: &[Suite] = &[
    Suite {
        package: "document-store",
        target: "redis",
        feature: "redis",
        backends: &[
            ("redis", "redis"),
            ("redis-replicated", "replicated"),
            ("redis-cluster", "redis_cluster"),
            ("valkey", "valkey"),
            ("valkey-cluster", "valkey_cluster"),
        ],
        each_on_all: false,
    },
    Suite {
        package: "document-store",
        target: "dynamodb",
        feature: "dynamodb",
        backends: &[("dynamodb", "dynamodb")],
        each_on_all: false,
    },
    Suite {
        package: "change-events",
        target: "sns_sqs",
        feature: "sns-sqs",
        backends: &[("sns-sqs", "sns_sqs")],
        each_on_all: false,
    },
    Suite {
        package: "shop-search",
        target: "elasticsearch",
        feature: "elasticsearch",
        backends: &[("elasticsearch", "elasticsearch"), ("opensearch", "opensearch")],
        each_on_all: false,
    },
    Suite {
        package: "invalidator",
        target: "elasticsearch",
        feature: "elasticsearch",
        backends: &[("elasticsearch", "elasticsearch"), ("opensearch", "opensearch")],
        each_on_all: true,
    },
    Suite {
        package: "query-server",
        target: "elasticsearch",
        feature: "elasticsearch",
        backends: &[("elasticsearch", "elasticsearch"), ("opensearch", "opensearch")],
        each_on_all: false,
    },
    Suite {
        package: "shopfront",
        target: "doctor",
        // And the three others; a suite is left out with any of them.
        feature: "redis",
        backends: &[
            ("redis", "store::"),
            ("dynamodb", "store::a_table"),
            ("sns-sqs", "events::"),
            ("elasticsearch", "search::"),
        ],
        each_on_all: false,
    },
    Suite {
        package: "journey-tests",
        target: "backend_faults",
        feature: "backend-faults",
        backends: &[
            ("redis", "redis"),
            ("valkey", "valkey"),
            ("sns-sqs", "sns_sqs"),
            ("elasticsearch", "elasticsearch"),
        ],
        each_on_all: false,
    },
];

/// Those that the manifests name.
pub(crate) fn present(root: &Path) -> anyhow::Result<Vec<&'static Suite>> {
    let mut present = Vec::new();
    for suite in SUITES {
        let manifest = manifest(&root.join(suite.package))?;
        let targets = manifest.get("test").and_then(toml::Value::as_array);
        let is_it =
            |target: &toml::Value| target.get("name").and_then(toml::Value::as_str) == Some(suite.target);
        if targets.is_some_and(|targets| targets.iter().any(is_it)) {
            present.push(suite);
        }
    }
    Ok(present)
}

/// The servers that these suites need.
pub(crate) fn servers(suites: &[&Suite]) -> Vec<String> {
    let needed: BTreeSet<_> =
        suites.iter().flat_map(|suite| suite.backends).map(|(server, _)| *server).collect();
    needed.into_iter().map(str::to_owned).collect()
}

/// All features of all packages but those that need servers, as one argument.
pub(crate) fn features_without(root: &Path, suites: &[&Suite]) -> anyhow::Result<String> {
    let left_out: BTreeSet<_> = suites.iter().map(|suite| suite.feature).collect();
    let members = manifest(root)?;
    let members =
        members.get("workspace").and_then(|workspace| workspace.get("members")?.as_array().cloned());
    let mut kept = Vec::new();
    for member in members.iter().flatten().filter_map(toml::Value::as_str) {
        let manifest = manifest(&root.join(member))?;
        let features = manifest.get("features").and_then(toml::Value::as_table);
        let features = features.into_iter().flat_map(toml::Table::keys);
        kept.extend(
            features.filter(|name| !left_out.contains(name.as_str())).map(|name| format!("{member}/{name}")),
        );
    }
    Ok(format!("--features={}", kept.join(",")))
}

fn manifest(folder: &Path) -> anyhow::Result<toml::Table> {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is unreadable", path.display()))
}

/// Which binary is of which package and test target: cargo's messages of what it built say it.
#[derive(Debug, Default)]
pub(crate) struct Binaries {
    by_file: BTreeMap<String, (String, String)>,
}

impl Binaries {
    /// Of `--message-format=json`.
    pub(crate) fn read(messages: &str) -> anyhow::Result<Self> {
        let mut by_file = BTreeMap::new();
        for line in messages.lines().filter(|line| line.starts_with('{')) {
            let message: serde_json::Value =
                serde_json::from_str(line).context("cargo's messages are unreadable")?;
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            let package = text(&message["manifest_path"]).and_then(|path| folder_of(&path));
            let found = (text(&message["executable"]), package, text(&message["target"]["name"]));
            if let (Some(executable), Some(package), Some(target)) = found {
                by_file.insert(file_of(&executable).to_owned(), (package, target));
            }
        }
        Ok(Self { by_file })
    }
}

fn file_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder_of(manifest: &str) -> Option<String> {
    Path::new(manifest).parent()?.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// How the tests of one suite ended.
#[derive(Debug, Default)]
struct Heard {
    ended: bool,
    /// Name, and whether it held.
    tests: Vec<(String, bool)>,
}

/// Listens to the run of all tests.
#[derive(Debug)]
pub(crate) struct Ear {
    suites: Vec<&'static Suite>,
    binaries: Binaries,
    heard: Vec<Heard>,
    now: Option<usize>,
    /// Binaries that began and have not ended, and tests of no suite that failed.
    others_failed: usize,
    unfinished: usize,
}

/// What is known of one backend through one suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok {
        /// Tests that speak for it alone.
        own: usize,
        /// Tests that name no backend of several.
        shared: usize,
    },
    Failed(usize),
    Untested,
}

impl Ear {
    pub(crate) fn new(suites: Vec<&'static Suite>, binaries: Binaries) -> Self {
        let heard = suites.iter().map(|_| Heard::default()).collect();
        Self { suites, binaries, heard, now: None, others_failed: 0, unfinished: 0 }
    }

    /// One line of cargo or of a test binary.
    pub(crate) fn hear(&mut self, line: &str) {
        let line = line.trim();
        if let Some(running) = line.strip_prefix("Running ") {
            self.unfinished += 1;
            let path = running.rsplit_once('(').map(|(_, path)| path.trim_end_matches(')'));
            let of = path.and_then(|path| self.binaries.by_file.get(file_of(path)));
            self.now = of.and_then(|(package, target)| {
                self.suites.iter().position(|suite| suite.package == package && suite.target == target)
            });
        } else if line.starts_with("Doc-tests ") {
            self.unfinished += 1;
            self.now = None;
        } else if line.starts_with("test result: ") {
            self.unfinished = self.unfinished.saturating_sub(1);
            if let Some(now) = self.now.take() {
                self.heard[now].ended = true;
            }
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... "))
        {
            self.test(name, outcome);
        }
    }

    fn test(&mut self, name: &str, outcome: &str) {
        // `ok`, `ok (1.2s)`, `FAILED`; `ignored` says nothing of anybody.
        let held = outcome.starts_with("ok");
        if !held && !outcome.starts_with("FAILED") {
            return;
        }
        match self.now {
            Some(now) => self.heard[now].tests.push((name.to_owned(), held)),
            None if !held => self.others_failed += 1,
            None => {}
        }
    }

    /// Each suite's backends, with those that do not run untested whatever their tests said.
    pub(crate) fn verdicts(&self, missing: &BTreeSet<&str>) -> Vec<(&'static str, &'static Suite, Verdict)> {
        let mut verdicts = Vec::new();
        for (suite, heard) in self.suites.iter().zip(&self.heard) {
            for (server, _) in suite.backends {
                let verdict =
                    if suite.lacks(server, missing) { Verdict::Untested } else { of(suite, heard, server) };
                verdicts.push((*server, *suite, verdict));
            }
        }
        verdicts
    }

    /// Whether nothing failed but tests that had no server.
    pub(crate) fn only_missing_failed(&self, missing: &BTreeSet<&str>) -> bool {
        let mut excused = 0;
        for (suite, heard) in self.suites.iter().zip(&self.heard) {
            for (name, _) in heard.tests.iter().filter(|(_, held)| !held) {
                if !spoken_for(suite, name).iter().all(|server| suite.lacks(server, missing)) {
                    return false;
                }
                excused += 1;
            }
        }
        excused > 0 && self.others_failed == 0 && self.unfinished == 0
    }
}

/// The backend that a test names, the longest word counting; all, if it names none.
fn spoken_for(suite: &Suite, test: &str) -> Vec<&'static str> {
    let named = suite.backends.iter().filter(|(_, word)| test.contains(word));
    match named.max_by_key(|(_, word)| word.len()) {
        Some((server, _)) => vec![server],
        None => suite.backends.iter().map(|(server, _)| *server).collect(),
    }
}

/// A backend among others counts as tested only by a test that names it.
fn of(suite: &Suite, heard: &Heard, server: &str) -> Verdict {
    let about: Vec<_> =
        heard.tests.iter().filter(|(name, _)| spoken_for(suite, name).contains(&server)).collect();
    let failed = about.iter().filter(|(_, held)| !held).count();
    if failed > 0 || (!heard.ended && !about.is_empty()) {
        return Verdict::Failed(failed);
    }
    let is_own = |name: &str| suite.each_on_all || spoken_for(suite, name).len() == 1;
    let own = about.iter().filter(|(name, _)| is_own(name)).count();
    if own > 0 { Verdict::Ok { own, shared: about.len() - own } } else { Verdict::Untested }
}

/// As a table: a line for each backend and suite.
pub(crate) fn table(verdicts: &[(&'static str, &'static Suite, Verdict)]) -> String {
    let mut table = format!("{:<18} {:<32} {}\n", "backend", "suite", "verdict");
    for (server, suite, verdict) in verdicts {
        let said = match verdict {
            Verdict::Ok { own, shared: 0 } => format!("ok, {own} tests"),
            Verdict::Ok { own, shared } => format!("ok, {own} tests, and {shared} that name no backend"),
            Verdict::Failed(0) => "failed: its tests did not end".to_owned(),
            Verdict::Failed(tests) => format!("failed, {tests} tests"),
            Verdict::Untested => "untested".to_owned(),
        };
        table += &format!("{server:<18} {:<32} {said}\n", suite.to_string());
    }
    table
}

#[cfg(test)]
mod tests;
