//! Who may import whom: "reads never touch the write side" holds in the manifests, not only in the code.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

/// What each room may import directly of the workspace, as ARCHITECTURE.md tells it; what is not here may import anything.
const ROOMS: &[(&str, &[&str])] = &[
    ("shop-id", &[]),
    ("service-runtime", &[]),
    ("change-events", &["shop-id"]),
    ("writer-api", &["shop-id"]),
    ("subscription", &["shop-id", "service-runtime", "change-events", "writer-api"]),
    ("writer-services", &["shop-id", "service-runtime", "change-events", "writer-api", "subscription"]),
    ("shop-document", &["shop-id"]),
    ("document-store", &["shop-id", "shop-document"]),
    ("shop-search", &["shop-id", "shop-document"]),
    (
        "invalidator",
        &[
            "shop-id",
            "service-runtime",
            "change-events",
            "writer-api",
            "subscription",
            "shop-document",
            "document-store",
            "shop-search",
        ],
    ),
    ("query-server", &["shop-id", "shop-document", "document-store", "shop-search", "service-runtime"]),
    ("admin-ui", &[]),
    ("fault-proxy", &[]),
];

/// The write side and what only it needs: shipped with the query server, reads would stop with the writers.
const NEVER_IN_THE_QUERY_SERVER: &[&str] = &[
    "writer-services",
    "writer-api",
    "change-events",
    "subscription",
    "invalidator",
    "rusqlite",
    "libsqlite3-sys",
    "reqwest",
    "axum",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn manifest(folder: &str) -> Table {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    text.parse().unwrap()
}

fn members() -> Vec<String> {
    let workspace = manifest("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| member.as_str().unwrap().to_owned()).collect()
}

fn imports(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    let dependencies = manifest.get("dependencies").and_then(Value::as_table).cloned().unwrap_or_default();
    dependencies.keys().cloned().collect()
}

#[test]
fn every_room_imports_only_what_it_may() {
    let members: BTreeSet<String> = members().into_iter().collect();
    for (room, allowed) in ROOMS {
        let allowed: BTreeSet<String> = allowed.iter().map(ToString::to_string).collect();
        let imported: BTreeSet<String> = imports(room).intersection(&members).cloned().collect();
        let wrong: Vec<_> = imported.difference(&allowed).collect();
        assert!(wrong.is_empty(), "`{room}` imports {wrong:?}, which its room may not know");
    }
}

#[test]
fn the_query_server_cannot_reach_the_write_side() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--package", "query-server", "--all-features"])
        .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let reached: BTreeSet<String> = String::from_utf8(tree.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    assert!(reached.contains("shop-document"), "the tree was read: {reached:?}");
    for forbidden in NEVER_IN_THE_QUERY_SERVER {
        assert!(
            !reached.contains(*forbidden),
            "query-server reaches `{forbidden}`: reads would stop with the writers"
        );
    }
}

#[test]
fn a_room_has_the_name_of_its_folder_and_the_lints_of_the_house() {
    for member in members() {
        let manifest = manifest(&member);
        assert_eq!(manifest["package"]["name"].as_str(), Some(member.as_str()));
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{member}");
        let head = ["src/lib.rs", "src/main.rs"].map(|file| root().join(&member).join(file));
        let head = head.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap();
        assert!(
            head.starts_with("//!"),
            "{member} does not say what comes in, what goes out, what it does not know"
        );
    }
}

#[test]
fn versions_stand_in_one_place() {
    for member in members() {
        let manifest = manifest(&member);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(Value::as_table) else { continue };
            for (name, dependency) in dependencies {
                let inherited = dependency.get("workspace").and_then(Value::as_bool);
                assert_eq!(inherited, Some(true), "{member}: `{name}` has a version of its own");
            }
        }
    }
}

/// A list of words, one per line, reads as well at any length.
const LONG_BY_NATURE: &[&str] = &["shopfront/src/generate/cuisines.rs"];
const LINES_MAX: usize = 500;

#[test]
fn files_hold_one_idea() {
    let mut long = BTreeMap::new();
    for member in members() {
        each_source(&root().join(&member), &mut |path, text| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let lines = text.lines().count();
            if lines > LINES_MAX && !LONG_BY_NATURE.contains(&name.as_str()) {
                long.insert(name, lines);
            }
        });
    }
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {long:?}");
}

fn each_source(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            each_source(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}
