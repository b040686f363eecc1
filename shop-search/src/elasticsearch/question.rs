//! A question -> what an engine is asked (pure): one search for the page, one for what the clock does to the list.
//!
//! Both are sent as one request. The page: shops of the cell, scored and sorted as in [`super::keyset`]. Beside it the
//! first second after now at which a pause or an ad begins or ends, and the last one before. The clock search asks the
//! same of the weekly hours of all shops that do not pause just now, zone by zone, and names the zones that occur: an
//! answer to a question that did not know one of them is asked again.

use std::sync::Arc;

use bytes::Bytes;
use h3o::CellIndex;
use serde_json::{Value, json};

use super::clock::ZoneClock;
use super::document::{cell_word, gram_word};
use super::keyset::{OPEN, Order, search_after, sort_by};
use crate::asked::Asked;
use crate::shop::Second;
use crate::text::Word;
use crate::{PAGE_SHOPS_MAX, Sort};

/// Of a page, one more than it shows: whether there is another.
pub(crate) const HITS: usize = PAGE_SHOPS_MAX + 1;
/// By distance, since an engine's metres are not ours: neighbours may have to change places.
pub(crate) const HITS_BY_DISTANCE: usize = HITS + 22;
/// The tz database has 600 names.
pub(crate) const ZONES_MAX: usize = 1_000;

/// What is asked, whatever the way.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) cell: CellIndex,
    pub(crate) category: Option<Arc<str>>,
    pub(crate) order: Order,
    pub(crate) text: Option<Typed>,
    pub(crate) asked: Asked,
}

/// What somebody typed.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) words: Vec<Word>,
    /// To be cut by Nori, where the index has it.
    pub(crate) text: Option<Arc<str>>,
}

/// Zones that are known to occur.
pub(crate) type Zones = Arc<[Arc<str>]>;

impl Wanted {
    /// The lines of the request; the second search is left out for further rounds of the same page.
    pub(crate) fn lines(&self, zones: &Zones, patience_ms: u64, further: Option<&Value>) -> Bytes {
        let mut lines = Vec::with_capacity(2_048);
        let mut line = |value: &Value| {
            lines.extend_from_slice(value.to_string().as_bytes());
            lines.push(b'\n');
        };
        let header = json!({"allow_partial_search_results": false});
        line(&header);
        line(&self.page(zones, patience_ms, further));
        if further.is_none() {
            line(&header);
            line(&self.clock(zones, patience_ms));
        }
        lines.into()
    }

    pub(crate) const fn hits(&self) -> usize {
        match self.order {
            Some(Sort::Distance) => HITS_BY_DISTANCE,
            _ => HITS,
        }
    }

    fn page(&self, zones: &Zones, patience_ms: u64, further: Option<&Value>) -> Value {
        let mut should =
            vec![json!({"constant_score": {"filter": is_open(zones, self.asked.at), "boost": OPEN}})];
        if self.order == Some(Sort::Recommended) {
            should.push(running_ad(self.asked.at));
        }
        let mut matching = json!({"filter": self.members(), "should": should});
        if let (None, Some(typed)) = (self.order, &self.text) {
            matching["must"] = typed.scored();
        }
        let mut page = json!({
            "size": self.hits(),
            "timeout": format!("{patience_ms}ms"),
            "_source": false,
            "track_total_hits": false,
            "query": {"bool": matching},
            "sort": sort_by(self.order, self.cell.into()),
        });
        if self.order == Some(Sort::Distance) {
            page["docvalue_fields"] = json!(["lat", "lng"]);
        }
        match (further, self.asked.after) {
            (Some(on), _) => page["search_after"] = on.clone(),
            (None, Some(after)) => page["search_after"] = search_after(self.order, after),
            (None, None) => {}
        }
        if further.is_none() {
            page["aggs"] = self.edges();
        }
        page
    }

    /// Who stands in the list, open or not.
    fn members(&self) -> Value {
        let mut members = vec![json!({"term": {"cells": cell_word(self.cell.into()).unwrap_or_default()}})];
        members.extend(self.category.as_ref().map(|category| json!({"term": {"categories": &**category}})));
        members.extend(self.text.as_ref().map(Typed::scored));
        json!(members)
    }

    /// Seconds at which ads and pauses begin and end.
    fn edges(&self) -> Value {
        let edges = |order: &str, after: i64| {
            json!({"composite": {
                "size": 1,
                "sources": [{"at": {"terms": {"field": "edges", "order": order}}}],
                "after": {"at": after},
            }})
        };
        let mut wanted = json!({"next": edges("asc", i64::from(self.asked.now))});
        if self.asked.shows_when() {
            wanted["last"] = edges("desc", i64::from(self.asked.at) + 1);
        }
        wanted
    }

    /// Minutes of the week at which weekly hours change what is said of a shop.
    fn clock(&self, zones: &Zones, patience_ms: u64) -> Value {
        let mut wanted = json!({"zones": {"terms": {"field": "zone", "size": ZONES_MAX}}});
        for (number, zone) in zones.iter().enumerate() {
            let minute = u32::from(ZoneClock::of(zone, self.asked.now).minute());
            let changes = |order: &str, after: u32| {
                json!({"composite": {
                    "size": 1,
                    "sources": [
                        {"zone": {"terms": {"field": "zone", "order": order}}},
                        {"minute": {"terms": {"field": "week", "order": order}}},
                    ],
                    "after": {"zone": &**zone, "minute": after},
                }})
            };
            wanted[format!("next{number}")] = changes("asc", minute);
            if self.asked.shows_when() {
                // Of the second week in the index: every minute has one before.
                let minute = u32::from(shop_document::hours::WEEK_MINUTES) + minute;
                wanted[format!("last{number}")] = changes("desc", minute + 1);
            }
        }
        let pausing = json!({"term": {"pauses": i64::from(self.asked.now)}});
        json!({
            "size": 0,
            "timeout": format!("{patience_ms}ms"),
            "track_total_hits": false,
            "query": {"bool": {"filter": self.members(), "must_not": [pausing]}},
            "aggs": wanted,
        })
    }
}

impl Typed {
    /// As many points as pairs match; of every word, enough have to.
    fn scored(&self) -> Value {
        let words = self.words.iter().map(|word| {
            let pair =
                |gram: &u64| json!({"constant_score": {"filter": {"term": {"grams": gram_word(*gram)}}}});
            let pairs: Vec<Value> = word.grams.iter().map(pair).collect();
            json!({"bool": {"should": pairs, "minimum_should_match": word.needed}})
        });
        let by_pairs = json!({"bool": {"must": words.collect::<Vec<_>>()}});
        let Some(text) = &self.text else { return by_pairs };
        // What only Nori finds has no pairs to count, and stands behind what has.
        let by_nori = json!({"constant_score": {
            "filter": {"match": {"words": {"query": &**text, "operator": "and"}}}, "boost": 0,
        }});
        json!({"bool": {"should": [by_pairs, by_nori], "minimum_should_match": 1}})
    }
}

fn is_open(zones: &Zones, at: Second) -> Value {
    let in_zone = |zone: &Arc<str>| {
        let minute = ZoneClock::of(zone, at).minute();
        json!({"bool": {"filter": [{"term": {"zone": &**zone}}, {"term": {"hours": minute}}]}})
    };
    let by_hours: Vec<Value> = zones.iter().map(in_zone).collect();
    json!({"bool": {
        "should": by_hours,
        "minimum_should_match": 1,
        "must_not": [{"term": {"pauses": i64::from(at)}}],
    }})
}

/// The weight of the heaviest one.
fn running_ad(at: Second) -> Value {
    let running = json!([
        {"range": {"ads.starts": {"lte": i64::from(at)}}},
        {"range": {"ads.ends": {"gt": i64::from(at)}}},
    ]);
    json!({"nested": {"path": "ads", "score_mode": "max", "query": {"function_score": {
        "query": {"bool": {"filter": running}},
        "field_value_factor": {"field": "ads.weight"},
        "boost_mode": "replace",
    }}}})
}
