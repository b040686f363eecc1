//! One change -> its revision token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use shop_id::RevisionToken;
use writer_api::change::{FACTS_BYTES_MAX, Outcome};
use writer_api::{BulkShop, ChangeAnswer};

use super::params::ShopPath;
use super::problem::{Problem, json};
use super::{App, body, bulk};
use crate::database::Taken;
use crate::decide::{Change, NewReview};
use crate::owner::{Owner, Reviews, Shops};
use crate::ready::{self, ReadyFacts};
use crate::refusal::Refusal;

/// Facts, what stands around them, and blanks for people to read them by.
const BODY_BYTES_MAX: usize = 2 * FACTS_BYTES_MAX;

/// `PUT /v1/<owner>/{id}`
pub(super) async fn put<O: Owner>(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body::json(request, BODY_BYTES_MAX).await?;
    let change = ReadyFacts::read::<O>(&bytes).map(|facts| Change::put::<O>(shop_id, facts));
    commit::<O>(&app, change).await
}

/// `DELETE /v1/<owner>/{id}`. Whatever body comes along is not read.
pub(super) async fn remove<O: Owner>(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
) -> Result<Response, Problem> {
    commit::<O>(&app, Ok(Change::remove::<O>(shop_id))).await
}

/// `POST /v1/shops`
pub(super) async fn bring_shop(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let bytes = body::json(request, BODY_BYTES_MAX).await?;
    let change = ready::parse::<BulkShop>(&bytes).and_then(bulk::bring);
    commit::<Shops>(&app, change).await
}

/// `PATCH /v1/shops/{id}`
pub(super) async fn patch_shop(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body::json(request, BODY_BYTES_MAX).await?;
    let change = ready::parse(&bytes).map(|patch| Change::patch(shop_id, patch));
    commit::<Shops>(&app, change).await
}

/// `POST /v1/reviews/{id}/reviews`
pub(super) async fn add_review(
    State(app): State<Arc<App>>,
    ShopPath(shop_id): ShopPath,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body::json(request, BODY_BYTES_MAX).await?;
    let at = app.clock.now();
    let change = NewReview::read(&bytes).map(|review| Change::add_review(shop_id, review, at));
    commit::<Reviews>(&app, change).await
}

async fn commit<O: Owner>(app: &App, change: Result<Change, Refusal>) -> Result<Response, Problem> {
    let change = change.inspect_err(|_| app.counted.refused())?;
    let mut rows = app.commits.take(vec![change]).await?;
    // One change in, one row out.
    let row = rows.pop().ok_or_else(|| Problem::new(500, "no_outcome", "the commit answered nothing"))?;
    let Taken { shop_id, outcome, revision } = row?;
    let answer =
        ChangeAnswer { shop_id, outcome, revision_token: RevisionToken { writer: O::WRITER, revision } };
    let status = if outcome == Outcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, serde_json::to_vec(&answer).unwrap_or_default()))
}
