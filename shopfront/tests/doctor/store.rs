//! Document stores that are not as they should be.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::asked::{SECRET, assert_ill, doctor, free_port, server};

/// A Redis of one's own, killed at the end.
struct Redis {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Redis {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut child = Command::new(server("SHOPFRONT_TEST_REDIS_SERVER"))
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(arguments)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the server does not start");
            assert!(child.try_wait().unwrap().is_none(), "the server ended: {arguments:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port, _directory: directory }
    }

    fn at(&self, user: &str) -> String {
        format!("redis://{user}127.0.0.1:{}/shops", self.port)
    }
}

#[test]
fn a_wrong_password_is_named_with_the_setting_that_gives_it() {
    let redis = Redis::start(&["--requirepass", "right"]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{SECRET}").unwrap();
    let file = file.path().display().to_string();
    let wrong = ["FAILS document store", "refuses user name or password", "fix: "];
    for (store, password_file, fix) in [
        (redis.at(&format!(":{SECRET}@")), None, "correct user and password in `store`"),
        (redis.at(&format!("query:{SECRET}@")), None, "ACL GETUSER query"),
        (
            redis.at(""),
            Some(file.as_str()),
            "(`store_password_file`), or the server's user: `redis-cli -h 127.0.0.1",
        ),
        (redis.at(""), None, "give a password by `store_password_file`"),
    ] {
        let told: Vec<(&str, &str)> = [("store", store.as_str())]
            .into_iter()
            .chain(password_file.map(|file| ("store_password_file", file)))
            .collect();
        assert_ill(&told, &[wrong[0], wrong[1], wrong[2], fix]);
    }
    assert_ill(&[("store", &redis.at(":right@"))], &["there is no such store", "fix: start an invalidator"]);
    let told = [("store", redis.at("")), ("store_password_file", "/no/such/file".to_owned())];
    let told = told.each_ref().map(|(key, value)| (*key, value.as_str()));
    assert_ill(&told, &["cannot read `store_password_file` `/no/such/file`", "fix: correct the path"]);
}

#[test]
fn a_user_without_the_rights_is_named_with_the_keys_that_are_needed() {
    let redis = Redis::start(&["--user", "query", "on", &format!(">{SECRET}"), "~other*", "+@all"]);
    let store = redis.at(&format!("query:{SECRET}@"));
    assert_ill(&[("store", &store)], &["may not do what is needed", "fix: ", "begin with `{shops:`"]);
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_look_at() {
    let refused = format!("redis://127.0.0.1:{}/shops", free_port());
    for (store, expected) in [
        (refused.as_str(), ["refused", "fix: start"]),
        ("redis://no-such-host.invalid/shops", ["no-such-host.invalid", "fix: correct the host name"]),
    ] {
        assert_ill(&[("store", store)], &expected);
    }
    let redis = Redis::start(&[]);
    let one = format!("{}?cluster=true", redis.at(""));
    assert_ill(&[("store", &one)], &["cluster support disabled", "fix: leave out `cluster=true`"]);
}

#[test]
fn a_server_that_is_frozen_is_late() {
    let redis = Redis::start(&[]);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&redis.child),
        rustix::process::Signal::STOP,
    )
    .unwrap();
    assert_ill(
        &[("store", &redis.at(""))],
        &["did not answer within 1000 ms", "fix: see what keeps it busy"],
    );
}

#[test]
fn tls_where_the_port_is_plain_and_plain_where_it_is_tls() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("server.pem"), cert.pem()).unwrap();
    std::fs::write(path("server.key"), signing_key.serialize_pem()).unwrap();
    let tls_port = free_port();
    let redis = Redis::start(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &path("server.pem"),
        "--tls-key-file",
        &path("server.key"),
        "--tls-ca-cert-file",
        &path("server.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let plain = redis.at("").replace("redis://", "rediss://");
    assert_ill(&[("store", &plain)], &["fix: a plain port waits", "say `redis://` in `store`"]);
    let tls = format!("redis://localhost:{tls_port}/shops");
    assert_ill(&[("store", &tls)], &["fix: if this port speaks TLS, say `rediss://` in `store`"]);
    let unknown = format!("rediss://localhost:{tls_port}/shops");
    assert_ill(&[("store", &unknown)], &["ertificate", "fix: let `ca_file=` behind the `?` of `store` name"]);
    let known = format!("{unknown}?ca_file={}", path("server.pem"));
    assert_ill(&[("store", &known)], &["there is no such store", "fix: start an invalidator"]);
}

#[test]
fn a_server_that_may_drop_documents_is_refused_with_the_command_that_cures_it() {
    let redis = Redis::start(&["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"]);
    assert_ill(
        &[("store", &redis.at(""))],
        &[
            "may evict documents",
            "`allkeys-lru`",
            "fix: `redis-cli -h 127.0.0.1",
            "CONFIG SET maxmemory-policy noeviction",
        ],
    );
}

#[test]
fn a_table_that_is_missing_is_named_with_what_makes_it() {
    let endpoint = server("SHOPFRONT_TEST_DYNAMODB");
    let store = format!("dynamodb://eu-west-1/doctor-{}?endpoint={endpoint}", std::process::id());
    assert_ill(
        &[("store", &store)],
        &["no such table", "fix: start an invalidator with this `store` and `create=true`"],
    );
    let away = format!("dynamodb://eu-west-1/shops?endpoint=http://127.0.0.1:{}", free_port());
    assert_ill(&[("store", &away)], &["no answer", "fix: "]);
    // No credentials at all.
    assert_ill(&[("store", "dynamodb://eu-west-1/shops")], &["no usable credentials", "fix: "]);
}

#[test]
fn a_store_that_is_well_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    drop(
        document_store::lmdb::LmdbWriter::open(
            &store,
            document_store::lmdb::LmdbOptions { map_bytes: 1 << 24, ..Default::default() },
        )
        .unwrap(),
    );
    let said = doctor("query-server", &[("store", &store.display().to_string())]);
    assert!(said.is_well && said.text.starts_with("ok    document store"), "{}", said.text);
}
