//! Passwords, ACL users with the least rights, TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use document_store::redis::{RedisReader, RedisWriter};
use document_store::{ChangeLog, DocumentReader, StoreError, conformance};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::servers::{PATIENCE, Server, at, filled, save, seen, shop, until};

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let server = Server::start(&["--requirepass", "right"]);
    let with = |user: &str| at(&format!("redis://{user}127.0.0.1:{}/shopfront", server.port));
    for user in ["", ":wr0ng@", "nobody:wr0ng@"] {
        for error in [
            RedisWriter::open(&with(user)).await.unwrap_err(),
            RedisReader::open(&with(user)).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
            let said = error.to_string();
            assert!(
                said.contains("refuses user name or password") && said.contains("store_password_file"),
                "{said}"
            );
            assert!(!said.contains("wr0ng"), "{said}");
        }
    }
    drop(filled(&with(":right@")).await);
}

/// The lines that operators are told to type.
fn documented() -> Vec<String> {
    let users = include_str!("../../../docs/redis.md").split("ACL SETUSER ").skip(1);
    let users = users.map(|user| user.split("\n\n").next().unwrap().split("```").next().unwrap());
    users.map(|user| user.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_those_of_a_query_server_change_nothing() {
    let server = Server::start(&[]);
    let users = documented();
    assert_eq!(users.len(), 2, "{users:?}");
    for user in &users {
        server.say(&format!("ACL SETUSER {}", user.replace(">…", ">s3cret")));
    }
    let with = |user: &str| {
        at(&format!("redis://{user}:s3cret@127.0.0.1:{}/shopfront?timeout_ms=5000", server.port))
    };
    let error = RedisWriter::open(&with("query-server")).await.unwrap_err();
    assert!(error.to_string().contains("this user may not do what is needed"), "{error}");
    let (writer, _) = filled(&with("invalidator")).await;

    let reader = RedisReader::open(&with("query-server")).await.unwrap();
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(reader.gather(&[shop(99)]).await.remove(0).is_ok());
    assert!(reader.detail(shop(1)).await.is_ok());
    assert!(reader.identity().await.unwrap().complete);
    assert_eq!(reader.writer_contacts().await.unwrap().len(), 3);
    assert_eq!(reader.scan(None, 100).await.unwrap().shops.len(), 9);
    let head = reader.head().await.unwrap();
    assert!(reader.read(1, document_store::Position { sequence: 0, ..head.0[1] }, 10).await.is_ok());
    let waiting = {
        let reader = reader.clone();
        tokio::spawn(async move { reader.grown(&head).await })
    };
    until("it listens", async || match server.say("INFO clients") {
        redis::Value::BulkString(info) if String::from_utf8_lossy(&info).contains("tracking_clients:1") => {
            Ok(())
        }
        _ => Err("nobody listens"),
    })
    .await;
    save(&writer, 1, 2).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    let logged = server.say("ACL LOG");
    assert!(
        matches!(&logged, redis::Value::Array(refused) if refused.len() <= 2),
        "only the writer's attempts: {logged:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_of_an_invalidator_keep_all_promises() {
    let server = Server::start(&[]);
    let user = documented().pop().unwrap().replace(">…", ">s3cret");
    server.say(&format!("ACL SETUSER {user}"));
    let count = AtomicU64::new(0);
    conformance::all(|| async {
        // All begin as the documented pattern says.
        let name = format!("shopfront-{}", count.fetch_add(1, Ordering::Relaxed));
        let with = at(&format!("redis://invalidator:s3cret@127.0.0.1:{}/{name}", server.port));
        if name == "shopfront-0" {
            let error = RedisWriter::open(&with).await.unwrap_err();
            assert!(
                error.to_string().contains("may not do what is needed"),
                "a name that is not its own: {error}"
            );
            server.say(&format!("ACL SETUSER {}", user.replace("~{shopfront:", "~{shopfront-")));
        }
        Arc::new(RedisWriter::open(&with).await.unwrap())
    })
    .await;
}

#[tokio::test]
async fn servers_are_known_by_their_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    for (name, text) in [
        ("ca.pem", authority.as_ref().pem()),
        ("server.pem", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let tls_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ca_file = directory.path().join("ca.pem").display().to_string();
    let server = Server::start_in(
        directory,
        &[
            "--tls-port",
            &tls_port.to_string(),
            "--tls-cert-file",
            "DIR/server.pem",
            "--tls-key-file",
            "DIR/server.key",
            "--tls-ca-cert-file",
            "DIR/ca.pem",
            "--tls-auth-clients",
            "no",
        ],
    );
    let (writer, reader) =
        filled(&at(&format!("rediss://localhost:{tls_port}/shopfront?ca_file={ca_file}"))).await;
    assert_eq!(seen(&reader).await, "+++++++++");
    let head = reader.head().await.unwrap();
    let waiting = {
        let reader = reader.clone();
        tokio::spawn(async move { reader.grown(&head).await })
    };
    until("it listens", async || match server.say("INFO clients") {
        redis::Value::BulkString(info) if String::from_utf8_lossy(&info).contains("tracking_clients:1") => {
            Ok(())
        }
        _ => Err("nobody listens"),
    })
    .await;
    save(&writer, 1, 2).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    // Without the authority nobody knows this server.
    let error =
        RedisReader::open(&at(&format!("rediss://localhost:{tls_port}/shopfront"))).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("cert"), "{error}");
    let error = RedisReader::open(&at("rediss://localhost:1/shopfront?ca_file=/nowhere")).await.unwrap_err();
    assert!(error.to_string().contains("cannot read `ca_file` `/nowhere`"), "{error}");
}
