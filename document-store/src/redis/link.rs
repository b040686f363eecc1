//! A command for a slot -> the node that serves it.
//!
//! Of a replicated pair that is whichever says that it is the master, in a cluster what `CLUSTER SLOTS` and then `MOVED` and
//! `ASK` say. Written here and not left to a client's cluster mode, which lets all commands wait while it looks for a node
//! that is frozen *(tried: one frozen master of two, and no shop of the other was read for seconds)*.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_ok};
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, TlsCertificates, Value};
use tokio::time::Instant;

use super::failed::Failed;
use super::node::{Host, How, Node};
use super::server::Info;
use super::values::{list, text};
use crate::StoreError;
use crate::address::RedisAddress;

/// Of one command: redirections, and attempts while a cluster makes up its mind.
const TURNS_MAX: u32 = 64;
/// Looks for another node in place of one that is gone. A failover takes longer; whoever asks decides about that.
const LOOKS_MAX: u32 = 2;
/// Before it is asked again.
const TURN_PAUSE: Duration = Duration::from_millis(20);

/// Connections to wherever the store is, one to each node.
#[derive(Debug)]
pub(super) struct Link {
    how: Arc<How>,
    /// Locked for a look, never over an await.
    known: Mutex<Known>,
    /// Held by the one who looks who serves what.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    nodes: BTreeMap<Host, Arc<Node>>,
    /// First and last slot of a stretch, and who serves it. Without a cluster it is one stretch. Empty: to be looked for.
    serving: Vec<(u16, u16, Arc<Node>)>,
}

/// What to do about a refusal.
enum Next {
    /// Ask this one.
    Ask { host: Host, is_moving: bool },
    /// Look who serves the slot now.
    LookAgain,
    /// It will pass.
    Wait,
    /// That is the answer.
    Tell,
}

impl Link {
    /// Not connected yet.
    pub(super) fn new(address: RedisAddress, certificates: Option<TlsCertificates>) -> Self {
        let how = Arc::new(How { address, certificates });
        Self { how, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.how.address.is_cluster
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, host: &Host) -> Arc<Node> {
        let new = || Arc::new(Node::new(host.clone(), Arc::clone(&self.how)));
        Arc::clone(self.known().nodes.entry(host.clone()).or_insert_with(new))
    }

    /// Asks the node of a slot.
    pub(super) async fn ask(&self, slot: u16, command: &Cmd) -> Result<Value, Failed> {
        let (began, asked) = (Instant::now(), Mutex::new(None));
        let asking = self.ask_in_turns(slot, command, &asked);
        if let Ok(answer) = tokio::time::timeout(self.how.address.patience, asking).await {
            return answer;
        }
        let asked: Option<Arc<Node>> = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = asked {
            node.give_up(began);
            // Another one may have been chosen in its place.
            self.look_again();
        }
        Err(Failed::Late { waited_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
    }

    /// `asked` is told who is asked, should it not answer.
    async fn ask_in_turns(
        &self,
        slot: u16,
        command: &Cmd,
        asked: &Mutex<Option<Arc<Node>>>,
    ) -> Result<Value, Failed> {
        let mut to = self.serving(slot).await?;
        let (mut is_moving, mut turn, mut looks) = (false, 0, 0);
        loop {
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&to));
            let failed = match to.ask(command, is_moving).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            turn += 1;
            let next = if turn < TURNS_MAX { self.next(&failed, &to) } else { Next::Tell };
            is_moving = false;
            match next {
                Next::Tell => return Err(failed),
                Next::Ask { host, is_moving: moving } => {
                    to = self.node(&host);
                    is_moving = moving;
                    if !moving {
                        // The others will be told so themselves, or by a look.
                        let mut known = self.known();
                        known.serving.retain(|(from, to, _)| (*from, *to) != (slot, slot));
                        known.serving.insert(0, (slot, slot, Arc::clone(&to)));
                    }
                }
                Next::Wait => tokio::time::sleep(TURN_PAUSE).await,
                Next::LookAgain if looks == LOOKS_MAX => return Err(failed),
                Next::LookAgain => {
                    looks += 1;
                    self.look_again();
                    tokio::time::sleep(TURN_PAUSE).await;
                    to = self.serving(slot).await.map_err(|_| failed)?;
                }
            }
        }
    }

    fn next(&self, failed: &Failed, asked: &Node) -> Next {
        let Failed::Said(error) = failed else { return Next::Tell };
        let is_one_of_many = self.is_cluster() || self.how.address.hosts.len() > 1;
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
                match redirected(error, asked) {
                    Some(host) => {
                        Next::Ask { host, is_moving: error.kind() == ErrorKind::Server(ServerErrorKind::Ask) }
                    }
                    None => Next::LookAgain,
                }
            }
            ErrorKind::Server(ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => Next::Wait,
            ErrorKind::Server(ServerErrorKind::ReadOnly) if is_one_of_many => Next::LookAgain,
            _ if error.is_connection_dropped() && is_one_of_many => Next::LookAgain,
            _ => Next::Tell,
        }
    }

    /// Another one may serve by now: look again with the next command.
    pub(super) fn look_again(&self) {
        if self.is_cluster() || self.how.address.hosts.len() > 1 {
            self.known().serving.clear();
        }
    }

    fn found(&self, slot: u16) -> Option<Arc<Node>> {
        let known = self.known();
        let found = known.serving.iter().find(|(from, to, _)| (*from..=*to).contains(&slot));
        found.map(|(_, _, node)| Arc::clone(node))
    }

    async fn serving(&self, slot: u16) -> Result<Arc<Node>, Failed> {
        if let Some(node) = self.found(slot) {
            return Ok(node);
        }
        let _looking = self.looking.lock().await;
        if let Some(node) = self.found(slot) {
            return Ok(node);
        }
        let serving = if self.is_cluster() { self.cluster().await? } else { self.master().await? };
        self.known().serving = serving;
        let unserved = || self.unavailable(&format!("no node of the cluster serves slot {slot}"));
        self.found(slot).ok_or_else(unserved)
    }

    fn unavailable(&self, reason: &str) -> Failed {
        let store = self.how.address.to_string();
        Failed::Known(StoreError::Unavailable { store, reason: reason.to_owned() })
    }

    /// The one server, or whichever of them says that it is the master.
    async fn master(&self) -> Result<Vec<(u16, u16, Arc<Node>)>, Failed> {
        let nodes: Vec<Arc<Node>> = self.how.address.hosts.iter().map(|host| self.node(host)).collect();
        if let [only] = &nodes[..] {
            return Ok(vec![(0, u16::MAX, Arc::clone(only))]);
        }
        let mut command = redis::cmd("INFO");
        command.arg("replication");
        // One that is frozen must not keep the other from being found.
        let asking = nodes.iter().map(|node| {
            let command = &command;
            async move {
                let answer = node.ask(command, false).await?;
                let info = Info::parse(&text(&answer).unwrap_or_default());
                let reason = "none of the servers says that it is the master";
                if info.is_replica { Err(self.unavailable(reason)) } else { Ok(Arc::clone(node)) }
            }
            .boxed()
        });
        select_ok(asking).await.map(|(master, _)| vec![(0, u16::MAX, master)])
    }

    /// What the first node says that answers, of those that are configured and those that were met.
    async fn cluster(&self) -> Result<Vec<(u16, u16, Arc<Node>)>, Failed> {
        let mut nodes: Vec<Arc<Node>> = self.how.address.hosts.iter().map(|host| self.node(host)).collect();
        nodes.extend(self.known().nodes.values().cloned());
        nodes.sort_by(|one, other| one.host.cmp(&other.host));
        nodes.dedup_by(|one, other| one.host == other.host);
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let asking = nodes.iter().map(|node| {
            let command = &command;
            async move { Ok::<_, Failed>((node, node.ask(command, false).await?)) }.boxed()
        });
        let ((told_by, answer), _) = select_ok(asking).await?;
        let stretch = |range: Value| {
            let range = list(range);
            let [Value::Int(from), Value::Int(to), Value::Array(master), ..] = &range[..] else {
                return None;
            };
            let [host, Value::Int(port), ..] = &master[..] else { return None };
            // A node that knows no name of its own leaves it out.
            let host = text(host).filter(|host| !host.is_empty()).unwrap_or_else(|| told_by.host.0.clone());
            let node = self.node(&(host, u16::try_from(*port).ok()?));
            Some((u16::try_from(*from).ok()?, u16::try_from(*to).ok()?, node))
        };
        Ok(list(answer).into_iter().filter_map(stretch).collect())
    }

    /// What the process says of itself that serves a slot.
    pub(super) async fn info_of(&self, slot: u16) -> Result<Info, Failed> {
        let answer = self.ask(slot, &redis::cmd("INFO")).await?;
        Ok(Info::parse(&text(&answer).unwrap_or_default()))
    }

    /// The processes that serve anything now. One that does not answer vouches for nothing.
    pub(super) async fn run_ids_of_masters(&self, slot: u16) -> Result<Vec<String>, Failed> {
        self.look_again();
        self.serving(slot).await?;
        let masters: Vec<Arc<Node>> =
            self.known().serving.iter().map(|(_, _, node)| Arc::clone(node)).collect();
        let mut command = redis::cmd("INFO");
        command.arg("server");
        let patience = self.how.address.patience;
        let asking = masters.iter().map(|node| tokio::time::timeout(patience, node.ask(&command, false)));
        let answers = join_all(asking).await.into_iter().flatten().flatten();
        Ok(answers.filter_map(|info| Some(Info::parse(&text(&info)?).run_id)).collect())
    }

    /// Where these slots are served, to listen there.
    pub(super) async fn servers(&self, slots: &[u16]) -> Result<Vec<Host>, Failed> {
        self.look_again();
        let mut hosts = Vec::new();
        for slot in slots {
            let serving = tokio::time::timeout(self.how.address.patience, self.serving(*slot)).await;
            let late = Failed::Late { waited_ms: self.how.patience_ms() };
            hosts.push(serving.unwrap_or(Err(late))?.host.clone());
        }
        hosts.sort_unstable();
        hosts.dedup();
        Ok(hosts)
    }
}

/// `MOVED 3999 127.0.0.1:6381`; without a host it is the one that said so.
fn redirected(error: &RedisError, asked: &Node) -> Option<Host> {
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { &asked.host.0 } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}
