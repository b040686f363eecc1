//! A Redis Cluster of one's own, to be killed: three masters with a replica each, as `docs/redis.md` wants them.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::stores::connected;
use crate::children::{self, Child};
use crate::compare::place::Place;

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;
/// As the protocol has it: each key falls into one.
const SLOTS: usize = 16_384;
/// For each step of becoming a cluster; nodes gossip once a second.
const STEP_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<(Child, u16)>,
}

impl Cluster {
    /// Of this program; a node that is silent for so long is taken for dead.
    ///
    /// # Errors
    /// When the nodes do not become one.
    pub async fn start(place: &Place, program: &str, node_timeout: Duration) -> anyhow::Result<Self> {
        let folder = place.emptied("backends-cluster")?;
        let first = children::free_ports(u16::try_from(2 * NODES)?)?;
        let mut nodes = Vec::new();
        for (port, bus) in (first..).zip(first + u16::try_from(NODES)?..).take(NODES) {
            let own = folder.join(port.to_string());
            std::fs::create_dir_all(&own)?;
            let mut node = Command::new(program);
            node.current_dir(&own).args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            node.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
            node.args(["--cluster-node-timeout", &node_timeout.as_millis().to_string()]);
            node.args(["--cluster-require-full-coverage", "no", "--cluster-allow-reads-when-down", "yes"]);
            node.args(["--repl-diskless-sync-delay", "0"]);
            let name = format!("redis-{port}");
            nodes.push((Child::start(&name, &mut node, &place.log(&format!("backends-{name}")))?, port));
        }
        let cluster = Self { nodes };
        cluster.join().await?;
        Ok(cluster)
    }

    /// As configurations name a store in it.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
        format!("redis://{}/{name}?cluster=true", nodes.join(","))
    }

    /// Kill -9 of the first master.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill_a_master(&mut self) -> anyhow::Result<()> {
        let (master, _) = self.nodes.first_mut().context("a cluster has nodes")?;
        master.kill()
    }

    async fn join(&self) -> anyhow::Result<()> {
        let ports: Vec<u16> = self.nodes.iter().map(|(_, port)| *port).collect();
        for (index, port) in ports.iter().enumerate() {
            until(async || ask(*port, "PING").await.map(drop)).await?;
            // Nodes of one epoch would quarrel about who is newer.
            ask(*port, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await?;
        }
        for (index, port) in ports[..MASTERS].iter().enumerate() {
            let (first, end) = (SLOTS * index / MASTERS, SLOTS * (index + 1) / MASTERS);
            ask(*port, &format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1)).await?;
        }
        for port in &ports[1..] {
            let bus = usize::from(*port) + NODES;
            ask(ports[0], &format!("CLUSTER MEET 127.0.0.1 {port} {bus}")).await?;
        }
        for port in &ports {
            let known = format!("cluster_known_nodes:{NODES}");
            until(async || says(*port, "CLUSTER INFO", &known).await).await?;
        }
        for (master, replica) in ports[..MASTERS].iter().zip(&ports[MASTERS..]) {
            let id = ask(*master, "CLUSTER MYID").await?;
            until(async || ask(*replica, &format!("CLUSTER REPLICATE {id}")).await.map(drop)).await?;
        }
        for port in &ports {
            until(async || says(*port, "CLUSTER INFO", "cluster_state:ok").await).await?;
        }
        for replica in &ports[MASTERS..] {
            until(async || says(*replica, "INFO replication", "master_link_status:up").await).await?;
        }
        Ok(())
    }
}

async fn until(attempt: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(error) if began.elapsed() > STEP_MAX => return Err(error.context("becoming a cluster")),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// What a node answers to a line.
async fn ask(port: u16, line: &str) -> anyhow::Result<String> {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        command.arg(word);
    }
    let mut connection = connected(port).await?;
    command.query_async(&mut connection).await.with_context(|| format!("`{line}` to {port}"))
}

async fn says(port: u16, question: &str, line: &str) -> anyhow::Result<()> {
    let told = ask(port, question).await?;
    ensure!(told.lines().any(|told| told.trim_end() == line), "{port} does not say `{line}`");
    Ok(())
}
