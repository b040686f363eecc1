//! Clusters of three masters with a replica each: a replica costs 8 MB, and without one nothing fails over.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::ask;
use super::redis::Kind;
use super::server::Server;
use super::tools::Tools;

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;

/// As the protocol has it: each key falls into one.
const SLOTS: usize = 16_384;

/// For each step of becoming a cluster; nodes gossip once a second.
const STEP_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Cluster {
    kind: Kind,
    name: &'static str,
    variable: &'static str,
}

impl Cluster {
    pub(crate) const REDIS: Self =
        Self { kind: Kind::Redis, name: "redis-cluster", variable: "SHOPFRONT_TEST_REDIS_CLUSTER" };
    pub(crate) const VALKEY: Self =
        Self { kind: Kind::Valkey, name: "valkey-cluster", variable: "SHOPFRONT_TEST_VALKEY_CLUSTER" };
}

impl Server for Cluster {
    fn name(&self) -> &'static str {
        self.name
    }

    /// For clients, then for each other.
    fn ports(&self) -> usize {
        2 * NODES
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        self.kind.install(tools)
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let (clients, buses) = ports.split_at(NODES);
        let mut commands = Vec::new();
        for (port, bus) in clients.iter().zip(buses) {
            let own = folder.join(port.to_string());
            std::fs::create_dir_all(&own)?;
            let mut node = self.kind.command(tools, &own, *port);
            node.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
            // A dead node is noticed within tests' patience.
            node.args(["--cluster-node-timeout", "2000"]);
            commands.push(node);
        }
        Ok(commands)
    }

    fn join(&self, ports: &[u16]) -> anyhow::Result<()> {
        let (clients, buses) = ports.split_at(NODES);
        for port in clients {
            ask::until(STEP_WAIT, || ask::redis(*port, &["PING"]).map(drop))?;
        }
        for (index, port) in clients.iter().enumerate() {
            // Nodes of one epoch would quarrel about who is newer.
            ask::redis(*port, &["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()])?;
        }
        for (index, port) in clients[..MASTERS].iter().enumerate() {
            let (first, end) = (SLOTS * index / MASTERS, SLOTS * (index + 1) / MASTERS);
            let (first, last) = (first.to_string(), (end - 1).to_string());
            ask::redis(*port, &["CLUSTER", "ADDSLOTSRANGE", &first, &last])?;
        }
        for (port, bus) in clients.iter().zip(buses).skip(1) {
            let (port, bus) = (port.to_string(), bus.to_string());
            ask::redis(clients[0], &["CLUSTER", "MEET", "127.0.0.1", &port, &bus])?;
        }
        ask::until(STEP_WAIT, || clients.iter().try_for_each(|port| knows_all(*port)))?;
        for (master, replica) in clients[..MASTERS].iter().zip(&clients[MASTERS..]) {
            let id = ask::redis(*master, &["CLUSTER", "MYID"])?;
            ask::redis(*replica, &["CLUSTER", "REPLICATE", &id])?;
        }
        Ok(())
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        let clients = &ports[..NODES];
        for port in clients {
            ask::redis_says(*port, &["CLUSTER", "INFO"], "cluster_state:ok")?;
            // Counts masters that own slots, as this node has heard.
            ask::redis_says(*port, &["CLUSTER", "INFO"], "cluster_size:3")?;
            replicas_are_known(*port)?;
        }
        let replicas = clients.iter().filter(|port| is_linked_replica(**port)).count();
        ensure!(replicas == NODES - MASTERS, "{replicas} replicas follow their masters");
        Ok(())
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        let masters: Vec<_> = ports[..MASTERS].iter().map(|port| format!("127.0.0.1:{port}")).collect();
        vec![(self.variable, format!("redis://{}", masters.join(",")))]
    }
}

fn knows_all(port: u16) -> anyhow::Result<()> {
    let told = ask::redis(port, &["CLUSTER", "NODES"])?;
    ensure!(!told.contains("handshake"), "{port} still meets others");
    ensure!(told.lines().count() == NODES, "{port} does not know all {NODES} nodes");
    Ok(())
}

/// Who was told last, by gossip, that a node is a replica still takes it for a master.
fn replicas_are_known(port: u16) -> anyhow::Result<()> {
    let told = ask::redis(port, &["CLUSTER", "NODES"])?;
    let replicas = told.lines().filter(|line| line.contains("slave")).count();
    ensure!(replicas == NODES - MASTERS, "{port} knows {replicas} replicas");
    Ok(())
}

/// After a failover it is another node than at first.
fn is_linked_replica(port: u16) -> bool {
    ask::redis_says(port, &["INFO", "replication"], "master_link_status:up").is_ok()
}
