//! What is asked wrongly should be said so: whoever writes a subscriber learns from it.

use serde_json::Value;

use super::Report;
use super::probe::{Probe, Raw, expect};
use super::sections::Seen;

pub(super) async fn all(probe: &Probe, seen: &Seen, report: &mut Report) {
    report.should("answers are `application/json`", is_json(probe).await);
    let too_many: Vec<String> = (1..=201).map(|id: u32| id.to_string()).collect();
    let too_many = format!("/v1/sections?ids={}", too_many.join(","));
    for (promise, path) in [
        ("an ID that is no number is refused with `400`", "/v1/sections/seven"),
        ("an ID with leading zeros is refused with `400`", "/v1/sections/07"),
        ("a list with a wrong ID is refused with `400`", "/v1/sections?ids=1,seven"),
        ("more than 200 IDs are refused with `400`", too_many.as_str()),
        ("a cursor that is none is refused with `400`", "/v1/changes?after=yesterday"),
        ("a `limit` of 0 is refused with `400`", "/v1/changes?after=0-0&limit=0"),
        ("a `limit` above 1,000 is refused with `400`", "/v1/sections?limit=1001"),
    ] {
        report.should(promise, refused(probe, path).await);
    }
    let promise = "a wrong question does no harm to the next one";
    report.must(promise, still_there(probe, seen).await);
}

async fn is_json(probe: &Probe) -> Result<(), String> {
    let answer = probe.get("/v1/sections?limit=1").await?;
    let kind = answer.content_type;
    expect(kind.starts_with("application/json"), || format!("content type `{kind}`"))
}

async fn refused(probe: &Probe, path: &str) -> Result<(), String> {
    let Raw { status, content_type, body } = probe.get(path).await?;
    expect(status == 400, || format!("`{}` was answered {status}", shortened(path)))?;
    expect(content_type.starts_with("application/problem+json"), || {
        format!("`{}` was refused as `{content_type}`, expected `application/problem+json`", shortened(path))
    })?;
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    expect(problem["detail"].is_string(), || format!("the refusal of `{}` has no `detail`", shortened(path)))
}

fn shortened(path: &str) -> String {
    path.chars().take(60).collect()
}

async fn still_there(probe: &Probe, seen: &Seen) -> Result<(), String> {
    let first = seen.sections.first().map_or_else(|| "1".to_owned(), |section| section.shop_id.to_string());
    let answer = probe.get(&format!("/v1/sections/{first}")).await?;
    expect(answer.status == 200, || format!("shop {first} is answered {}", answer.status))
}
