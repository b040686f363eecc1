//! The read contract, and what the owner of a shop sees.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use shop_id::{Revision, ShopId};
use writer_api::answer::{IDS_MAX, LIMIT_MAX};

use super::App;
use super::params::{Params, ShopPath};
use super::problem::{Problem, json};
use crate::answers::{self, Expired, Owned};
use crate::database::ReadOnly;
use crate::owner::Owner;

/// `GET /v1/sections/{id}`
pub(super) async fn section(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
) -> Result<Response, Problem> {
    let bytes = read(&app, "section", move |database| answers::section(database, shop_id)).await?;
    Ok(json(StatusCode::OK, bytes))
}

/// `GET /v1/sections?ids=` or `?page_after=&limit=`
pub(super) async fn sections(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let params = Params::read(request.uri().query(), &["ids", "page_after", "limit"])?;
    let bytes = if let Some(ids) = params.get("ids") {
        if let Some(other) = ["page_after", "limit"].into_iter().find(|other| params.get(other).is_some()) {
            let given = params.get(other).unwrap_or_default();
            return Err(Problem::parameter(
                "unknown_parameter",
                other,
                given,
                "no other parameter beside `ids`",
            ));
        }
        let shop_ids = Params::ids(ids, IDS_MAX)?;
        read(&app, "sections", move |database| answers::sections(database, &shop_ids)).await?
    } else {
        let after: Option<ShopId> =
            params.parsed("malformed_id", "page_after", "the last ID of the page before")?;
        let limit = params.limit(LIMIT_MAX)?;
        read(&app, "page", move |database| answers::page(database, after, limit)).await?
    };
    Ok(json(StatusCode::OK, bytes))
}

/// `GET /v1/changes?after=&limit=`
pub(super) async fn changes(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let params = Params::read(request.uri().query(), &["after", "limit"])?;
    let after = params
        .parsed("malformed_cursor", "after", "a cursor, `<epoch>-<counter>`")?
        .unwrap_or(Revision::ZERO);
    let limit = params.limit(LIMIT_MAX)?;
    let answer = read(&app, "changes", move |database| answers::changes(database, after, limit)).await?;
    let bytes = answer.map_err(|expired| gone(&app, after, expired))?;
    Ok(json(StatusCode::OK, bytes))
}

fn gone(app: &App, after: Revision, expired: Expired) -> Problem {
    let detail = match expired {
        Expired::OlderEpoch { newest } => format!(
            "cursor {after} is from before a restore, the newest commit is {newest}; read all pages, then go on from their `as_of_sequence`"
        ),
        Expired::Ahead { newest } => {
            app.counted.cursors_ahead.inc();
            let epoch_at_least = after.epoch.saturating_add(1);
            tracing::error!(%after, %newest, "somebody has seen commits that this database never made: it was restored from a backup; start it with `epoch_at_least = {epoch_at_least}`");
            format!(
                "cursor {after} is beyond the newest commit, {newest}: this writer was restored from a backup; read all pages, then go on from their `as_of_sequence`"
            )
        }
    };
    Problem::new(410, "cursor_expired", detail)
}

/// `GET /v1/<owner>/{id}`
pub(super) async fn owned<O: Owner>(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
) -> Result<Response, Problem> {
    match read(&app, "owned", move |database| answers::owned(database, shop_id)).await? {
        Owned::Present(bytes) => Ok(json(StatusCode::OK, bytes)),
        Owned::Removed if O::GIVES_IDS => {
            let detail = format!("shop {shop_id} is closed; `PUT` all of its facts to open it again");
            Err(Problem::new(410, "shop_closed", detail))
        }
        Owned::Removed | Owned::Unknown => {
            let detail = format!("the {} writer has nothing of shop {shop_id}", O::WRITER);
            Err(Problem::new(404, "unknown_shop", detail))
        }
    }
}

async fn read<T: Send + 'static>(
    app: &App,
    name: &'static str,
    read: impl FnOnce(&ReadOnly) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match app.reads.read(read).await {
        Ok(answer) => {
            app.counted.read(name);
            Ok(answer)
        }
        Err(error) => {
            tracing::error!(%error, read = name, "a read has no answer");
            app.counted.read_failures.inc();
            Err(error.into())
        }
    }
}
