//! Many rows -> one commit, one outcome a row; a bad row costs only itself.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use shop_id::{RevisionToken, ShopId};
use writer_api::change::{BULK_BYTES_MAX, BULK_ROWS_MAX, Outcome};
use writer_api::check::{self, Finding, Findings};
use writer_api::shape::{self, Unread, WrongMember};
use writer_api::{BulkOutcome, BulkSection, BulkShop};

use super::problem::{Problem, json};
use super::{App, body};
use crate::database::Row;
use crate::decide::Change;
use crate::owner::{Ads, Owner, Reviews, Shops};
use crate::ready::{self, ReadyFacts};
use crate::refusal::Refusal;

/// A bulk waits so long for its turn to be read.
const TURN_MAX: Duration = Duration::from_secs(30);

/// A row that was read: whose it is, if it says so, and the change or why there is none.
pub(crate) struct ReadRow {
    shop_id: Option<ShopId>,
    change: Result<Change, Refusal>,
}

/// How the rows of one writer look.
pub(crate) trait BulkRow: Owner {
    fn read(row: &RawValue) -> ReadRow;
}

impl BulkRow for Shops {
    fn read(row: &RawValue) -> ReadRow {
        let change = ready::parse::<BulkShop>(row.get().as_bytes()).and_then(bring);
        ReadRow { shop_id: None, change }
    }
}

impl BulkRow for Ads {
    fn read(row: &RawValue) -> ReadRow {
        section_row::<Self>(row)
    }
}

impl BulkRow for Reviews {
    fn read(row: &RawValue) -> ReadRow {
        section_row::<Self>(row)
    }
}

/// A shop, brought with or without its source.
pub(super) fn bring(shop: BulkShop) -> Result<Change, Refusal> {
    if let Some(source) = &shop.source {
        let mut findings = Findings::default();
        check::source(source, &mut findings);
        findings.into_result().map_err(Refusal::Invalid)?;
    }
    let facts = ReadyFacts::of::<Shops>(shop.facts).map_err(below_facts)?;
    Ok(Change::bring(shop.source, facts))
}

fn section_row<O: Owner>(row: &RawValue) -> ReadRow {
    #[derive(Deserialize)]
    struct Named {
        shop_id: ShopId,
    }
    let bytes = row.get().as_bytes();
    let named = serde_json::from_slice::<Named>(bytes).ok();
    let change = ready::parse::<BulkSection<O::Facts>>(bytes).and_then(|section| {
        let facts = ReadyFacts::of::<O>(section.facts).map_err(below_facts)?;
        Ok(Change::put::<O>(section.shop_id, facts))
    });
    ReadRow { shop_id: named.map(|named| named.shop_id), change }
}

/// Paths of the facts' own check begin at the facts; the sender's row begins above them.
fn below_facts(refusal: Refusal) -> Refusal {
    let Refusal::Invalid(findings) = refusal else { return refusal };
    let below = |finding: Finding| Finding { path: format!("facts.{}", finding.path), ..finding };
    Refusal::Invalid(findings.into_iter().map(below).collect())
}

/// `POST /v1/<owner>/bulk`
pub(super) async fn take<O: BulkRow>(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let turn = tokio::time::timeout(TURN_MAX, app.bulks.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        let detail =
            format!("other bulks took more than {} s; nothing was changed, try again", TURN_MAX.as_secs());
        return Err(Problem::new(503, "busy", detail).again_after(1));
    };
    let bytes = body::json(request, BULK_BYTES_MAX).await?;
    // Reading thousands of menus takes a while: not on a thread that others' requests need.
    let rows = tokio::task::spawn_blocking(move || read_rows::<O>(&bytes)).await;
    let rows = rows.map_err(|_| Problem::new(503, "stopping", "the writer is stopping; try again"))??;
    let (mut changes, mut read) = (Vec::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        let refused = row.change.map(|change| changes.push(change)).err();
        read.push((row.shop_id, refused));
    }
    let mut committed = app.commits.take(changes).await?.into_iter();
    let mut outcomes = Vec::with_capacity(read.len());
    for (shop_id, refused) in read {
        let row = match refused {
            Some(refused) => {
                app.counted.refused();
                Err(refused)
            }
            // One row for each change that was handed in.
            None => committed.next().unwrap_or(Err(Refusal::NotJson("no outcome".to_owned()))),
        };
        outcomes.push(outcome::<O>(shop_id, row));
    }
    Ok(json(StatusCode::OK, serde_json::to_vec(&outcomes).unwrap_or_default()))
}

fn read_rows<O: BulkRow>(bytes: &[u8]) -> Result<Vec<ReadRow>, Problem> {
    let rows: Vec<&RawValue> = shape::read(bytes).map_err(|unread| {
        let detail = match unread {
            Unread::NotJson(reason) => format!("not JSON: {reason}"),
            Unread::Wrong(WrongMember { given, .. }) => {
                format!("the body is `{}`, expected a list of rows", given.unwrap_or_default())
            }
        };
        Problem::new(400, "not_json", detail)
    })?;
    if rows.len() > BULK_ROWS_MAX {
        let detail = format!("{} rows, expected at most {BULK_ROWS_MAX}", rows.len());
        return Err(Problem::new(413, "too_many_rows", detail));
    }
    Ok(rows.into_iter().map(O::read).collect())
}

fn outcome<O: Owner>(shop_id: Option<ShopId>, row: Row) -> BulkOutcome {
    match row {
        Ok(taken) => BulkOutcome {
            shop_id: Some(taken.shop_id),
            outcome: taken.outcome,
            reason: None,
            revision_token: Some(RevisionToken { writer: O::WRITER, revision: taken.revision }),
        },
        Err(refused) => BulkOutcome {
            shop_id,
            outcome: Outcome::Refused,
            reason: Some(refused.to_string()),
            revision_token: None,
        },
    }
}
