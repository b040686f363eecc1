//! Search engines that are not as they should be.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use crate::asked::{SECRET, assert_ill, free_port, server};

const ENGINES: [&str; 2] = ["SHOPFRONT_TEST_ELASTICSEARCH", "SHOPFRONT_TEST_OPENSEARCH"];
const MARK: &str =
    r#"{"shops-20261124t154105123":{"mappings":{"_meta":{"shopfront":{"mapping_version":1,"nori":false}}}}}"#;

/// An engine that says what a real one cannot be made to say: to `GET /`, and to all else.
fn fake(root: (u16, &'static str), other: (u16, &'static str)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/shops", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    let mut length = 0;
                    loop {
                        let mut header = String::new();
                        reader.read_line(&mut header).unwrap();
                        let header = header.trim_end().to_lowercase();
                        if let Some(value) = header.strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        if header.is_empty() {
                            break;
                        }
                    }
                    std::io::copy(&mut std::io::Read::take(&mut reader, length), &mut std::io::sink())
                        .unwrap();
                    let (status, body) =
                        if line.starts_with("GET /? ") || line.starts_with("GET /?") { root } else { other };
                    let head =
                        format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(head.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    base
}

fn told<'a>(search: &'a str, store: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("search", search), ("store", store)].into_iter().chain(more.iter().copied()).collect()
}

/// An engine is looked at beside a store that is well.
struct Store(tempfile::TempDir);

impl Store {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = document_store::lmdb::LmdbOptions { map_bytes: 1 << 24, ..Default::default() };
        drop(document_store::lmdb::LmdbWriter::open(directory.path(), options).unwrap());
        Self(directory)
    }

    fn text(&self) -> String {
        self.0.path().display().to_string()
    }
}

#[test]
fn an_engine_that_holds_no_index_is_named_with_who_builds_it() {
    let store = Store::new();
    for engine in ENGINES {
        let search = format!("{}/doctor-none-{}", server(engine), std::process::id());
        assert_ill(
            &told(&search, &store.text(), &[]),
            &["FAILS search", "no `doctor-none-", "fix: start an invalidator"],
        );
    }
}

#[test]
fn an_engine_that_is_not_there_is_named_with_what_to_look_at() {
    let store = Store::new();
    let search = format!("http://127.0.0.1:{}/shops", free_port());
    assert_ill(&told(&search, &store.text(), &[]), &["FAILS search", "refused", "fix: start it"]);
    assert_ill(
        &told("http://no-such-host.invalid:9200/shops", &store.text(), &[]),
        &["FAILS search", "fix: correct the host name"],
    );
    let plain = server(ENGINES[0]).replace("http://", "https://") + "/shops";
    assert_ill(
        &told(&plain, &store.text(), &[]),
        &["FAILS search", "fix: nobody speaks TLS at this port: say `http://`"],
    );
}

#[test]
fn an_engine_that_does_not_know_who_asks_is_named_with_the_setting() {
    let store = Store::new();
    let refused = r#"{"error":{"type":"security_exception","reason":"unable to authenticate user [shops]"}}"#;
    let search = fake((401, refused), (401, refused));
    let user = format!("shops:{SECRET}");
    assert_ill(
        &told(&search, &store.text(), &[("search_access__basic_auth", &user)]),
        &["FAILS search", "unable to authenticate", "fix: ", "search_access"],
    );
}

#[test]
fn an_engine_or_an_index_of_another_version_is_named_with_the_one_that_is_expected() {
    let store = Store::new();
    let old = fake((200, r#"{"version":{"number":"7.17.28"}}"#), (200, MARK));
    assert_ill(
        &told(&old, &store.text(), &[]),
        &["FAILS search", "Elasticsearch 7.17.28", "expected", "fix: "],
    );
    let old = fake((200, r#"{"version":{"number":"2.19.1","distribution":"opensearch"}}"#), (200, MARK));
    assert_ill(&told(&old, &store.text(), &[]), &["FAILS search", "OpenSearch 2.19.1", "expected", "fix: "]);
    let newer = r#"{"shops-20261124t154105123":{"mappings":{"_meta":{"shopfront":{"mapping_version":9,"nori":false}}}}}"#;
    let newer = fake((403, "{}"), (200, newer));
    assert_ill(&told(&newer, &store.text(), &[]), &["FAILS search", "mapping version 9", "fix: "]);
}

#[test]
fn a_red_index_is_named_with_where_to_look() {
    let store = Store::new();
    for engine in ENGINES {
        let base = server(engine);
        let red = Red::make(&base);
        let search = format!("{base}/{}", red.alias);
        assert_ill(
            &told(&search, &store.text(), &[]),
            &["FAILS search", "missing shards", "fix: ", "_cluster/allocation/explain"],
        );
    }
}

/// An index none of whose shards is anywhere, deleted at the end.
struct Red {
    base: String,
    index: String,
    alias: String,
}

impl Red {
    fn make(base: &str) -> Self {
        let alias = format!("doctor-red-{}", std::process::id());
        let index = format!("{alias}-20261124t154105123");
        let body = format!(
            r#"{{"settings":{{"number_of_replicas":0,"routing.allocation.require._name":"nobody"}},"aliases":{{"{alias}":{{}}}},
            "mappings":{{"_meta":{{"shopfront":{{"mapping_version":1,"nori":false}}}}}}}}"#
        );
        let red = Self { base: base.to_owned(), index, alias };
        let answer = red.send("PUT", "?wait_for_active_shards=0", &body);
        assert!(answer.contains("acknowledged"), "{answer}");
        red
    }

    fn send(&self, method: &str, query: &str, body: &str) -> String {
        let host = self.base.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} /{}{query} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.index,
            body.len()
        )
        .unwrap();
        std::io::read_to_string(stream).unwrap()
    }
}

impl Drop for Red {
    fn drop(&mut self) {
        drop(self.send("DELETE", "", ""));
    }
}
