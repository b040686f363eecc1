//! A request -> a change, or a read, or a refusal that helps.

mod body; //    bytes of a request, bounded in size, time and kind
mod bulk; //    many rows                   -> one commit, one outcome a row
mod changes; // one change                  -> its revision token
mod params; //  `?ids=1,2`                  -> values, or the parameter that is wrong
mod problem; // a refusal                   -> `application/problem+json`
mod reads; //   the read contract

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, patch, post};
use service_runtime::Clock;
use tokio::sync::Semaphore;

use crate::commit::Commits;
use crate::metrics::Counted;
use crate::owner::{Ads, Owner, Reviews, Shops};
use crate::reads::Reads;
use problem::Problem;

/// What every request is answered from.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) commits: Commits,
    pub(crate) reads: Arc<Reads>,
    /// Bulks whose bodies are in memory.
    pub(crate) bulks: Semaphore,
    pub(crate) counted: Counted,
    pub(crate) clock: Clock,
}

type Routes = Router<Arc<App>>;

/// What one writer is asked beside what all are asked.
pub(crate) trait Served: Owner + bulk::BulkRow {
    fn own_routes(routes: Routes) -> Routes;
}

impl Served for Shops {
    fn own_routes(routes: Routes) -> Routes {
        routes
            .route("/v1/shops", post(changes::bring_shop))
            .route("/v1/shops/{id}", patch(changes::patch_shop))
    }
}

impl Served for Ads {
    fn own_routes(routes: Routes) -> Routes {
        routes
    }
}

impl Served for Reviews {
    fn own_routes(routes: Routes) -> Routes {
        routes.route("/v1/reviews/{id}/reviews", post(changes::add_review))
    }
}

/// All paths of one writer.
pub(crate) fn router<O: Served>(app: App) -> Router {
    let section = get(reads::owned::<O>).put(changes::put::<O>).delete(changes::remove::<O>);
    let shared = Router::new()
        .route("/v1/sections", get(reads::sections))
        .route("/v1/sections/{id}", get(reads::section))
        .route("/v1/changes", get(reads::changes))
        .route(&format!("/v1/{}/bulk", O::PATH), post(bulk::take::<O>))
        .route(&format!("/v1/{}/{{id}}", O::PATH), section);
    O::own_routes(shared)
        .fallback(no_such_path::<O>)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(app))
}

async fn no_such_path<O: Owner>(request: Request) -> Problem {
    let path = request.uri().path();
    let detail = format!(
        "`{path}` is no path of the {writer} writer, expected /v1/sections, /v1/changes or /v1/{own}",
        writer = O::WRITER,
        own = O::PATH
    );
    Problem::new(404, "no_such_path", detail)
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("`{}` cannot be done to `{}`, see `Allow`", request.method(), request.uri().path());
    Problem::new(405, "method_not_allowed", detail)
}
