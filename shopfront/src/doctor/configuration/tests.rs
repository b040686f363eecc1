use super::*;

const INVALIDATOR: &str = r#"
ops = "127.0.0.1:7114"
store = "data/store"
events = "data/events"
[writers]
shop = "http://127.0.0.1:7101"
ads = "http://127.0.0.1:7102"
reviews = "http://127.0.0.1:7103"
"#;
const QUERY_SERVER: &str = "public = \"127.0.0.1:8080\"\nstore = \"data/store\"\nsearch = \"embedded\"\n";
const SHOP_WRITER: &str = "listen = \"127.0.0.1:7101\"\nops = \"127.0.0.1:7111\"\ndatabase = \"shops.sqlite\"\nevents = \"data/events\"\n";

/// Files, options and variables of one call; answers speak of files by their names.
#[derive(Default)]
struct Given<'a> {
    files: &'a [(&'a str, &'a str)],
    program: Option<Program>,
    set: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
}

impl Given<'_> {
    fn needed(&self) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let written = |(name, text): &(&str, &str)| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let options = DoctorOptions {
            configurations: self.files.iter().map(written).collect(),
            program: self.program,
            set: self.set.iter().map(ToString::to_string).collect(),
            patience: 5,
        };
        let variables = self.variables.iter().map(|(name, text)| (name.to_string(), text.to_string()));
        let found = needed(&options, variables);
        let shown = |needed: &Needed| needed.shown().split_whitespace().collect::<Vec<_>>().join(" ");
        let directory = format!("{}/", directory.path().display());
        found
            .map(|found| found.iter().map(shown).collect())
            .map_err(|error| format!("{error:#}").replace(&directory, ""))
    }
}

#[test]
fn what_several_programs_are_told_is_asked_once_in_the_order_of_the_road() {
    let files = [
        ("query-server.toml", QUERY_SERVER),
        ("invalidator.toml", INVALIDATOR),
        ("shop-writer.toml", SHOP_WRITER),
    ];
    let found = Given { files: &files, ..Given::default() }.needed().unwrap();
    assert_eq!(
        found,
        [
            "writer shop http://127.0.0.1:7101, for invalidator",
            "writer ads http://127.0.0.1:7102, for invalidator",
            "writer reviews http://127.0.0.1:7103, for invalidator",
            "events data/events, for invalidator",
            "events data/events, for shop-writer",
            "document store data/store, for query-server and invalidator",
        ]
    );
}

#[test]
fn variables_win_over_the_file_and_flags_over_variables() {
    let files = [("query-server.toml", QUERY_SERVER)];
    let variables = [("SHOPFRONT_STORE", "redis://query@cache.internal/shops"), ("HOME", "/")];
    let told = Given { files: &files, variables: &variables, ..Given::default() };
    assert_eq!(
        told.needed().unwrap(),
        ["document store redis://cache.internal:6379/shops, for query-server"]
    );
    let told = Given { set: &["store=data/other"], ..told };
    assert_eq!(told.needed().unwrap(), ["document store data/other, for query-server"]);
    // One that has no file.
    let told = Given { files: &[], program: Some(Program::QueryServer), set: &[], ..told };
    assert_eq!(
        told.needed().unwrap(),
        ["document store redis://cache.internal:6379/shops, for query-server"]
    );
}

#[test]
fn programs_that_show_themselves_to_the_store_by_different_names_are_asked_for_apart() {
    let store = "redis://query:hunter2@cache/shops";
    let query_server = format!("store = \"{store}\"");
    let files = [("query-server.toml", query_server.as_str()), ("invalidator.toml", INVALIDATOR)];
    let set = ["writers.shop=http://gateway:hunter2@shop.internal"];
    let found = Given { files: &files[1..], set: &set, ..Given::default() }.needed().unwrap();
    assert_eq!(found[0], "writer shop http://(hidden)@shop.internal, for invalidator");
    let variables = [("SHOPFRONT_STORE", "redis://invalidator:hunter3@cache/shops")];
    let mut found = Given { files: &files[..1], ..Given::default() }.needed().unwrap();
    found.extend(
        Given { files: &files[1..], variables: &variables, ..Given::default() }.needed().unwrap().pop(),
    );
    assert_eq!(
        found,
        [
            "document store redis://cache:6379/shops, for query-server",
            "document store redis://cache:6379/shops, for invalidator"
        ]
    );
}

#[test]
fn the_program_is_known_by_the_name_of_its_file_then_by_its_keys_then_by_what_is_said() {
    for (name, text, program, by) in [
        ("invalidator-eu.toml", INVALIDATOR, None, "invalidator"),
        ("prod.toml", INVALIDATOR, None, "invalidator"),
        ("prod.toml", QUERY_SERVER, None, "query-server"),
        ("prod.toml", SHOP_WRITER, Some(Program::AdsWriter), "ads-writer"),
        ("invalidator.toml", QUERY_SERVER, Some(Program::QueryServer), "query-server"),
    ] {
        let found = Given { files: &[(name, text)], program, ..Given::default() }.needed().unwrap();
        let last = found.last().unwrap();
        assert!(last.ends_with(&format!("for {by}")), "{name}: {last}");
    }
    let refused = Given { files: &[("prod.toml", SHOP_WRITER)], ..Given::default() }.needed().unwrap_err();
    assert!(
        refused.contains("`prod.toml` does not say which program it is for; name it with `--program`"),
        "{refused}"
    );
}

#[test]
fn what_a_program_would_refuse_is_refused_in_its_words() {
    let typo = format!("{INVALIDATOR}[search_acess]\napi_key = \"hunter2\"\n");
    let wrong_type = format!("{INVALIDATOR}[search_access]\napi_key = 48879\n");
    let no_table = format!("search_access = \"hunter2\"\n{INVALIDATOR}");
    let unread = "store = \"data/store\nsearch_access = hunter2\n";
    for (name, text, set, variables, expected) in [
        (
            "invalidator.toml",
            typo.as_str(),
            None,
            None,
            "invalidator: invalidator.toml:9: unknown key `search_acess`; did you mean `search_access`?",
        ),
        (
            "invalidator.toml",
            wrong_type.as_str(),
            None,
            None,
            "invalidator: invalidator.toml:10: `search_access.api_key`: invalid type: integer, expected text: write it in quotes",
        ),
        (
            "invalidator.toml",
            no_table.as_str(),
            None,
            None,
            "invalidator: invalidator.toml:1: `search_access`: invalid type: string, expected a table of keys",
        ),
        (
            "query-server.toml",
            "\nstore = \"ftp://user:hunter2@store\"\n",
            None,
            None,
            "query-server: query-server.toml:2: `store`: `ftp://(hidden)@store` is no store",
        ),
        ("prod.toml", unread, None, None, "query-server: prod.toml:1: "),
        (
            "query-server.toml",
            QUERY_SERVER,
            None,
            Some(("SHOPFRONT_STORE", "redis://user:hunter2@a:b/shops")),
            "query-server: variable `SHOPFRONT_STORE`: `store`: `redis://(hidden)@a:b/shops`: `a:b` is no server",
        ),
        (
            "query-server.toml",
            QUERY_SERVER,
            Some("stor=data/store"),
            None,
            "query-server: flag `--set stor`: unknown key `stor`; did you mean `store`?",
        ),
        (
            "ads-writer.toml",
            "listen = \"127.0.0.1:1\"\nops = \"127.0.0.1:2\"\nevents = \"data\"\n",
            None,
            None,
            "ads-writer: ads-writer.toml: missing field `database`",
        ),
    ] {
        let (set, variables) = (Vec::from_iter(set), Vec::from_iter(variables));
        let files = [(name, text)];
        let given = Given { files: &files, set: &set, variables: &variables, ..Given::default() };
        let refused = given.needed().unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
        assert!(!refused.contains("hunter2") && !refused.contains("48879"), "{refused}");
    }
}

#[test]
fn a_configuration_that_is_missing_is_named() {
    let nothing = Given::default();
    let refused = nothing.needed().unwrap_err();
    let expected = "no configuration is named, so that of the demo is read: invalidator: demo-data/config/invalidator.toml: cannot be read";
    assert!(refused.starts_with(expected), "{refused}");
    let options = DoctorOptions {
        configurations: vec!["/no/such.toml".into()],
        program: None,
        set: Vec::new(),
        patience: 5,
    };
    let refused = needed(&options, std::iter::empty()).unwrap_err().to_string();
    assert!(refused.contains("/no/such.toml: cannot be read"), "{refused}");
}

#[test]
fn what_this_program_was_built_without_is_not_said_of_the_others() {
    let refused = |reason: &str| {
        let refused = config::ConfigError { place: "a.toml:3".to_owned(), reason: reason.to_owned() };
        in_its_words("invalidator", &refused).to_string()
    };
    let said = refused("`events`: this program was built without SNS and SQS");
    assert!(said.ends_with("it is this `shopfront` that was, `invalidator` may have it"), "{said}");
    assert_eq!(refused("unknown key `a`"), "invalidator: a.toml:3: unknown key `a`");
    let illness = super::super::without("redis");
    assert!(illness.fix.contains("cargo build --release -p shopfront --features redis"), "{illness:?}");
}
