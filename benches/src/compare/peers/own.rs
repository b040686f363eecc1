//! Our own peers, built with the same compiler, allocator and number of threads as the query server.

use std::net::SocketAddr;

use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::compare::sampled::Kind;

/// hyper with prepared bodies.
///
/// # Errors
/// When it is not built or cannot be started.
pub fn hyper_prepared(place: &Place) -> anyhow::Result<(Child, SocketAddr)> {
    start(place, "peer-hyper", "hyper-prepared", &Kind::ALL, &[])
}

/// hyper copying fragments.
///
/// # Errors
/// When it is not built or cannot be started.
pub fn hyper_copied(place: &Place) -> anyhow::Result<(Child, SocketAddr)> {
    start(place, "peer-hyper", "hyper-copied", &[Kind::List, Kind::SmallList], &["--copied"])
}

/// axum in front of a running Redis.
///
/// # Errors
/// When it is not built or cannot be started.
pub fn axum_redis(place: &Place, redis: SocketAddr) -> anyhow::Result<(Child, SocketAddr)> {
    let redis = redis.to_string();
    start(place, "peer-axum-redis", "axum-redis", &[Kind::List, Kind::SmallList], &["--redis", &redis])
}

fn start(
    place: &Place,
    program: &str,
    name: &str,
    kinds: &[Kind],
    more: &[&str],
) -> anyhow::Result<(Child, SocketAddr)> {
    let address = children::free_address()?;
    let mut command = place.program(program)?;
    command.args(["--listen", &address.to_string()]).arg("--files").arg(place.files()).args(more);
    for kind in kinds {
        command.args(["--folder", kind.folder()]);
    }
    Ok((Child::start(name, &mut command, &place.log(name))?, address))
}
