//! The suite finds what it is there to find: one good writer, and the same one with one sin at a time.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Value, json};
use shop_id::{Revision, ShopId, Writer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use writer_api::conformance::{self, Checked, Options, Report, Verdict};

/// What a team may get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sin {
    None,
    UnknownIsNotFound,
    AdsAreGone,
    ChangesByShop,
    ChangesForgetSome,
    LimitIsIgnored,
    OldCursorsAreAnswered,
    CursorRunsAhead,
    PagesBeginAgain,
    SortedAnswers,
    ReplicaLags,
    WrongIdsAreZero,
    TwoSnapshots,
    Html,
}

const SHOPS: u64 = 12;

/// Shop `n` was last committed at `2-(13 - n)`: changed-since has the opposite order of the pages.
fn revision_of(shop: u64) -> Revision {
    if (1..=SHOPS).contains(&shop) { Revision::new(2, SHOPS + 1 - shop) } else { Revision::ZERO }
}

fn as_of() -> Revision {
    Revision::new(2, SHOPS)
}

fn section(sin: Sin, shop: u64) -> Value {
    let state = if sin == Sin::AdsAreGone && shop == 3 { "gone" } else { "nothing" };
    let as_of = if sin == Sin::TwoSnapshots && shop == 3 { Revision::new(2, SHOPS + 1) } else { as_of() };
    json!({"shop_id": shop.to_string(), "writer": "ads", "revision": revision_of(shop), "as_of_sequence": as_of, "state": state})
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn refused(status: u16, detail: &str) -> (u16, Value) {
    (status, json!({"status": status, "detail": detail}))
}

fn answer(sin: Sin, path: &str) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let limit = match parameter(query, "limit").map(str::parse::<usize>) {
        None => 1_000,
        Some(Ok(limit)) if (1..=1_000).contains(&limit) => limit,
        Some(_) => return refused(400, "limit"),
    };
    let limit = if sin == Sin::LimitIsIgnored { 1_000 } else { limit };
    if let Some(id) = path.strip_prefix("/v1/sections/") {
        let Ok(id) = id.parse::<ShopId>() else {
            return if sin == Sin::WrongIdsAreZero { (200, section(sin, 1)) } else { refused(400, "id") };
        };
        if sin == Sin::UnknownIsNotFound && revision_of(id.get()) == Revision::ZERO {
            return refused(404, "unknown");
        }
        let mut answer = section(sin, id.get());
        if sin == Sin::ReplicaLags {
            answer["as_of_sequence"] = json!("2-3");
            answer["revision"] = json!(revision_of(id.get()).min(Revision::new(2, 1)));
        }
        return (200, answer);
    }
    if path == "/v1/changes" {
        return changes(sin, query, limit);
    }
    if let Some(ids) = parameter(query, "ids") {
        let ids: Result<Vec<ShopId>, _> = ids.split(',').map(str::parse).collect();
        let Some(mut ids) = ids.ok().filter(|ids| ids.len() <= 200) else { return refused(400, "ids") };
        if sin == Sin::SortedAnswers {
            ids.sort_unstable();
        }
        let sections: Vec<Value> = ids.iter().map(|id| section(sin, id.get())).collect();
        return (200, json!({"as_of_sequence": as_of(), "sections": sections}));
    }
    let after = parameter(query, "page_after").map_or(0, |after| after.parse().unwrap());
    let after = if sin == Sin::PagesBeginAgain && after > 1 { 1 } else { after };
    let shown: Vec<u64> = (after + 1..=SHOPS).take(limit).collect();
    let next = shown.last().filter(|last| **last < SHOPS).map(ToString::to_string);
    let sections: Vec<Value> = shown.iter().map(|shop| section(sin, *shop)).collect();
    (200, json!({"as_of_sequence": as_of(), "sections": sections, "next_page_after": next}))
}

fn changes(sin: Sin, query: &str, limit: usize) -> (u16, Value) {
    let Ok(after) = parameter(query, "after").unwrap_or("0-0").parse::<Revision>() else {
        return refused(400, "after");
    };
    if after != Revision::ZERO && after.epoch < 2 && sin != Sin::OldCursorsAreAnswered {
        return refused(410, "restored");
    }
    let mut shops: Vec<u64> = (1..=SHOPS).filter(|shop| revision_of(*shop) > after).collect();
    if sin != Sin::ChangesByShop {
        shops.reverse();
    }
    if sin == Sin::ChangesForgetSome {
        shops.retain(|shop| *shop != 5);
    }
    let told: Vec<u64> = shops.iter().copied().take(limit).collect();
    let has_more = told.len() < shops.len();
    let next = told.last().map_or(as_of(), |shop| revision_of(*shop));
    let next = if sin == Sin::CursorRunsAhead { Revision::new(2, SHOPS) } else { next };
    let told: Vec<Value> = told
        .iter()
        .map(|shop| json!({"shop_id": shop.to_string(), "revision": revision_of(*shop), "time": "2026-11-23T17:00:00Z"}))
        .collect();
    (200, json!({"as_of_sequence": as_of(), "changes": told, "next_cursor": next, "has_more": has_more}))
}

async fn serve(sin: Sin, mut connection: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let (status, body) = answer(sin, head.split(' ').nth(1).unwrap());
    let kind = match status {
        _ if sin == Sin::Html => "text/html",
        200 => "application/json",
        _ => "application/problem+json",
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(answer.as_bytes()).await?;
    connection.shutdown().await
}

async fn report(sin: Sin) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = Options::new(Writer::Ads, format!("http://{}", listener.local_addr().unwrap()));
    options.timeout = Duration::from_secs(60);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(async move { drop(serve(sin, connection).await) });
        }
    });
    conformance::check(&options).await
}

/// What was not kept, in the order of the contract.
fn lacking(report: &Report) -> Vec<(&'static str, &Verdict)> {
    let lacking = |checked: &&Checked| checked.verdict != Verdict::Kept;
    report.checks.iter().filter(lacking).map(|checked| (checked.promise, &checked.verdict)).collect()
}

#[tokio::test]
async fn a_good_writer_keeps_every_promise() {
    let report = report(Sin::None).await;
    assert!(lacking(&report).is_empty() && report.is_conformant(), "{report}");
    assert!(report.to_string().ends_with(&format!("{} promises, 0 broken", report.checks.len())), "{report}");
}

#[tokio::test]
async fn every_broken_promise_is_found_by_name() {
    for (sin, promise) in [
        (Sin::UnknownIsNotFound, "a shop that was never heard of is `nothing` at `0-0`, not `404`"),
        (Sin::AdsAreGone, "only the shop writer says `gone`"),
        (Sin::ChangesByShop, "changed-since tells all commits from `0-0` on, in commit order"),
        (Sin::ChangesForgetSome, "every section stands in changed-since at its newest commit"),
        (Sin::LimitIsIgnored, "a page holds at most `limit` sections and the next one goes on behind it"),
        (Sin::OldCursorsAreAnswered, "a cursor from before a restore is answered `410`"),
        (Sin::CursorRunsAhead, "a cursor goes on exactly behind itself"),
        (Sin::PagesBeginAgain, "a page holds at most `limit` sections and the next one goes on behind it"),
        (Sin::SortedAnswers, "many sections are answered in the asked order"),
        (Sin::TwoSnapshots, "many sections are answered in the asked order"),
    ] {
        let report = report(sin).await;
        let lacking = lacking(&report);
        let named =
            lacking.iter().any(|(of, verdict)| *of == promise && matches!(verdict, Verdict::Broken(_)));
        assert!(named && !report.is_conformant(), "{sin:?}: {report}");
    }
}

#[tokio::test]
async fn what_only_people_stumble_over_is_advice() {
    for (sin, promise) in [
        (Sin::ReplicaLags, "whoever was told of a commit finds it settled"),
        (Sin::WrongIdsAreZero, "an ID with leading zeros is refused with `400`"),
        (Sin::Html, "answers are `application/json`"),
    ] {
        let report = report(sin).await;
        let lacking = lacking(&report);
        let named =
            lacking.iter().any(|(of, verdict)| *of == promise && matches!(verdict, Verdict::Advice(_)));
        assert!(named && report.is_conformant(), "{sin:?}: {report}");
    }
}

#[tokio::test]
async fn a_writer_that_is_away_breaks_every_promise_it_could() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let report = conformance::check(&Options::new(Writer::Ads, url)).await;
    assert!(!report.is_conformant(), "{report}");
    assert!(report.to_string().contains("ads cannot be reached"), "{report}");
}
