//! All servers of one comparison, running at the same time; each is asked in its turn only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use reqwest::Client;

use crate::children::Child;
use crate::compare::contestants::Server;
use crate::compare::peers::{nginx, own, redis, varnish};
use crate::compare::place::Place;
use crate::compare::sampled::{Kind, Sampled};
use crate::compare::shops::QueryServer;
use crate::tools::Tools;

/// A server and everything behind it.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it is asked.
    pub address: SocketAddr,
    children: Vec<Arc<Child>>,
}

impl Running {
    /// Of every process whose time and memory is this server's.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.children.iter().flat_map(|child| child.process_ids()).collect()
    }
}

/// By name; or why it does not run.
#[derive(Debug, Default)]
pub struct Servers {
    running: BTreeMap<Server, Result<Running, String>>,
    /// How long Redis took to load all shops.
    pub redis_loaded_after: Option<Duration>,
}

impl Servers {
    /// The query servers.
    ///
    /// # Errors
    /// When they do not come up: without them there is nothing to compare.
    pub async fn of_shopfront(place: &Place, client: &Client, store: &Path) -> anyhow::Result<Self> {
        let mut servers = Self::default();
        for (server, name, more) in [
            (Server::Kept, "shopfront-unchanged", ""),
            (Server::Composed, "shopfront-composed", "pages_bytes_max = 0\n"),
            (Server::Misses, "shopfront-misses", "pages_bytes_max = 0\ncards_bytes_max = 0\n"),
        ] {
            let mut started = QueryServer::start(place, store, name, more)?;
            started.until_ready(client).await?;
            let running = Running { address: started.public, children: vec![Arc::new(started.child)] };
            servers.running.insert(server, Ok(running));
        }
        Ok(servers)
    }

    /// Starts the peers on the sampled pages. One that cannot be started is left out, and the table says why.
    pub async fn start_peers(&mut self, tools: &Tools, place: &Place, client: &Client, sampled: &Sampled) {
        let page = format!("/{}/0.json", Kind::List.folder());
        let nginx = started_nginx(tools, place, client, &page).await;
        let varnish = match &nginx {
            Ok((nginx, _)) => served(client, &page, varnish::start(tools, place, nginx.address)).await.map(
                // What it fetches once is the origin's work, and is part of what it costs.
                |mut running| {
                    running.children.extend(nginx.children.iter().cloned());
                    running
                },
            ),
            Err(error) => Err(anyhow!("nginx, its origin, does not run: {error:#}")),
        };
        let (plain, gzip) = match nginx {
            Ok((plain, gzip)) => (Ok(plain), Ok(gzip)),
            Err(error) => (Err(anyhow!("{error:#}")), Err(error)),
        };
        self.note(Server::Nginx, plain);
        self.note(Server::NginxGzip, gzip);
        self.note(Server::Varnish, varnish);
        let prepared = served(client, &page, own::hyper_prepared(place)).await;
        self.note(Server::HyperPrepared, prepared);
        self.note(Server::HyperCopied, served(client, &page, own::hyper_copied(place)).await);
        let axum = match redis::start(tools, place, sampled).await {
            Ok(redis) => {
                self.redis_loaded_after = Some(redis.loaded_after);
                let page = format!("/mget{page}");
                served(client, &page, own::axum_redis(place, redis.address)).await.map(|mut running| {
                    running.children.push(Arc::new(redis.child));
                    running
                })
            }
            Err(error) => Err(error),
        };
        self.note(Server::AxumRedis, axum);
    }

    /// A server that runs.
    ///
    /// # Errors
    /// Why it does not.
    pub fn get(&self, server: Server) -> anyhow::Result<&Running> {
        match self.running.get(&server) {
            Some(Ok(running)) => Ok(running),
            Some(Err(why)) => Err(anyhow!("{why}")),
            None => Err(anyhow!("not started")),
        }
    }

    fn note(&mut self, server: Server, started: anyhow::Result<Running>) {
        self.running.insert(server, started.map_err(|error| format!("{error:#}")));
    }
}

async fn started_nginx(
    tools: &Tools,
    place: &Place,
    client: &Client,
    page: &str,
) -> anyhow::Result<(Running, Running)> {
    let mut nginx = nginx::start(tools, place)?;
    nginx.child.until_served(client, &format!("http://{}{page}", nginx.plain)).await?;
    let children = vec![Arc::new(nginx.child)];
    let plain = Running { address: nginx.plain, children: children.clone() };
    Ok((plain, Running { address: nginx.gzip, children }))
}

/// Waits until a started server serves a page.
async fn served(
    client: &Client,
    page: &str,
    started: anyhow::Result<(Child, SocketAddr)>,
) -> anyhow::Result<Running> {
    let (mut child, address) = started?;
    child.until_served(client, &format!("http://{address}{page}")).await?;
    Ok(Running { address, children: vec![Arc::new(child)] })
}
