//! A cluster: nodes that fail, slots that move, one node that forgets.

use document_store::{ChangeLog, DocumentReader, DocumentWriter, Put};
use redis::Value;
use shop_id::{Revision, Writer};

use crate::servers::{Server, at, filled, save, seen, until};

const SLOTS: u16 = 16_384;

/// So many masters, and a replica of the first; three shards, whose slots are spread over them.
struct Cluster {
    masters: Vec<Server>,
    replica: Server,
}

fn id(server: &Server) -> String {
    match server.say("CLUSTER MYID") {
        Value::BulkString(id) => String::from_utf8(id).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn info(server: &Server) -> String {
    match server.say("CLUSTER INFO") {
        Value::BulkString(info) => String::from_utf8(info).unwrap(),
        Value::VerbatimString { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

async fn cluster() -> Cluster {
    let settings = [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "2000",
        "--cluster-require-full-coverage",
        "no",
        // One of two masters is no majority: it would refuse everything once the other is taken for dead.
        "--cluster-allow-reads-when-down",
        "yes",
    ];
    let node = || Server::start(&settings);
    let (masters, replica) = ([node(), node()], node());
    let half = SLOTS / 2;
    masters[0].say(&format!("CLUSTER ADDSLOTSRANGE 0 {}", half - 1));
    masters[1].say(&format!("CLUSTER ADDSLOTSRANGE {half} {}", SLOTS - 1));
    for other in [&masters[1], &replica] {
        masters[0].say(&format!("CLUSTER MEET 127.0.0.1 {}", other.port));
    }
    let first = id(&masters[0]);
    until("the replica knows its master", async || {
        crate::servers::say(&mut replica.connection(), &format!("CLUSTER REPLICATE {first}"))
    })
    .await;
    for server in masters.iter().chain([&replica]) {
        until("all know all", async || {
            let info = info(server);
            let is_whole = info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
            if is_whole { Ok(()) } else { Err(info) }
        })
        .await;
    }
    Cluster { masters: masters.into(), replica }
}

impl Cluster {
    fn address(&self) -> document_store::address::RedisAddress {
        let nodes: Vec<String> = self.masters.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        at(&format!(
            "redis://{},127.0.0.1:{}/shopfront?cluster=true&shards=3&timeout_ms=2000",
            nodes.join(","),
            self.replica.port
        ))
    }
}

fn slot(server: &Server, key: &str) -> u16 {
    match server.say(&format!("CLUSTER KEYSLOT {key}")) {
        Value::Int(slot) => u16::try_from(slot).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_over_begins_a_new_activation_and_the_others_are_read_meanwhile() {
    let mut cluster = cluster().await;
    let (writer, reader) = filled(&cluster.address()).await;
    for cursor in [Revision::ZERO, Revision::new(1, 9)] {
        writer.save_cursor(Writer::Shop, cursor).await.unwrap();
    }
    let before = writer.identity().await.unwrap();
    until("the replica has all", async || match cluster.replica.say("DBSIZE") {
        count if count == cluster.masters[0].say("DBSIZE") => Ok(()),
        count => Err(format!("{count:?}")),
    })
    .await;
    cluster.masters[0].kill();
    let found = seen(&reader).await;
    assert!(found.contains('+') && found.contains('?'), "of some shops nothing is known: {found}");
    cluster.replica.say("CLUSTER FAILOVER TAKEOVER");
    let identity = until("the writer finds the new master", async || writer.identity().await).await;
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    assert_eq!(writer.writer_contacts().await.unwrap()[0].cursor, None);
    until("all are read again", async || match seen(&reader).await.as_str() {
        "+++++++++" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
    for number in 1..=9 {
        let put = until("it saves", async || save(&writer, number, 2).await).await;
        assert!(
            matches!(put, Put::Applied(position) if position.activation == identity.activation),
            "{put:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_forgets_everything_makes_the_store_incomplete_and_keeps_what_the_others_hold() {
    let cluster = cluster().await;
    let (writer, reader) = filled(&cluster.address()).await;
    let before = writer.identity().await.unwrap();
    cluster.masters[1].say("FLUSHALL");
    let found = seen(&reader).await;
    assert!(found.contains('+') && found.contains('?') && !found.contains('-'), "{found}");
    assert!(reader.identity().await.is_err() && reader.scan(None, 100).await.is_err());
    let identity = writer.identity().await.unwrap();
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    assert_eq!(reader.identity().await.unwrap(), identity);
    assert!(seen(&reader).await.contains('+'), "what the other node holds stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_costs_its_own_shops_only() {
    let cluster = cluster().await;
    let mut address = cluster.address();
    address.patience = std::time::Duration::from_millis(500);
    let (_, reader) = filled(&address).await;
    cluster.masters[1].freeze();
    // Before anybody notices that it is gone, while the cluster does, and after.
    for _ in 0..8 {
        let found = seen(&reader).await;
        assert!(found.contains('+') && found.contains('?') && !found.contains('-'), "{found}");
    }
    cluster.masters[1].thaw();
    until("all are read again", async || match seen(&reader).await.as_str() {
        "+++++++++" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
}

/// As `redis-cli --cluster reshard` does it.
fn move_slot(slot: u16, from: &Server, to: &Server, others: &[&Server]) {
    to.say(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from)));
    from.say(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to)));
    loop {
        let Value::Array(keys) = from.say(&format!("CLUSTER GETKEYSINSLOT {slot} 2")) else {
            panic!("no keys")
        };
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(to.port).arg("").arg(0).arg(5_000).arg("KEYS");
        if keys.is_empty() {
            break;
        }
        for key in keys {
            let Value::BulkString(key) = key else { panic!("{key:?}") };
            migrate.arg(key);
        }
        migrate.query::<Value>(&mut from.connection()).unwrap();
    }
    for server in [to, from].iter().chain(others) {
        drop(crate::servers::say(
            &mut server.connection(),
            &format!("CLUSTER SETSLOT {slot} NODE {}", id(to)),
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_takes_its_shops_along_and_nothing_counts_as_lost() {
    let cluster = cluster().await;
    let (writer, reader) = filled(&cluster.address()).await;
    for number in 100..200 {
        save(&writer, number, 1).await.unwrap();
    }
    let before = writer.identity().await.unwrap();
    let first = slot(&cluster.masters[0], "{shopfront:0}");
    let (from, to) = if first < SLOTS / 2 { (0, 1) } else { (1, 0) };
    let (from, to) = (&cluster.masters[from], &cluster.masters[to]);
    // Half of its keys are gone: the client is sent from one node to the other, key by key.
    to.say(&format!("CLUSTER SETSLOT {first} IMPORTING {}", id(from)));
    from.say(&format!("CLUSTER SETSLOT {first} MIGRATING {}", id(to)));
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(to.port).arg("{shopfront:0}:list:3").arg(0).arg(5_000);
    migrate.query::<Value>(&mut from.connection()).unwrap();
    let mut one = reader.gather(&[crate::servers::shop(3)]).await;
    assert!(one.remove(0).is_ok_and(|lookup| lookup.stored().is_some()), "found where it is");
    let others = seen(&reader).await;
    assert!(!others.contains('-'), "never taken for unknown: {others}");
    move_slot(first, from, to, &[&cluster.replica]);
    until("all are read again", async || match seen(&reader).await.as_str() {
        "+++++++++" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
    for number in 1..=9 {
        let put = until("it saves", async || save(&writer, number, 2).await).await;
        assert!(matches!(put, Put::Applied(position) if position.activation == before.activation), "{put:?}");
    }
    assert_eq!(writer.identity().await.unwrap(), before, "a process that still serves gave its slot away");
}
