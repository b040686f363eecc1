//! What an index of shops is made from: settings, fields, and a mark that says which version of this program made it.
//!
//! | field | holds | for |
//! |---|---|---|
//! | `shop` | the ID, its highest bit turned over: engines know signed numbers only | the last word of every order |
//! | `cells`, `categories` | words | who stands in a list |
//! | `zone`, `hours`, `pauses` | the wall clock's name, ranges of minutes of the week, ranges of seconds | who is open |
//! | `week`, `edges` | minutes and seconds at which the clock changes the shop | until when an answer holds |
//! | `ads` | nested: from, until, weight plus one | recommended |
//! | `rating`, `weighted`, `fee`, `min_order` | whole numbers, as the embedded lists compare them | sorts |
//! | `place`, `lat`, `lng` | the kitchen, indexed and exact | distance |
//! | `grams` | pairs of characters by our own spelling | what somebody typed |
//! | `words` | the same texts, cut by Nori, where the index was made with it | more of that, in Korean |
//! | `cursor` | of one document that is no shop: how far the change log is followed | going on after a restart |
//!
//! Nothing but the cursor is stored: an index is rebuilt from the document store. Unknown fields are refused, and so is
//! writing by the index's own name (`require_alias`): an index that somebody deletes does not come back without fields.

use serde_json::{Value, json};

/// Raised with every change of a field; readers and writers refuse another one.
pub const MAPPING_VERSION: u64 = 1;
/// The ID of the document that holds the cursor.
pub(crate) const CURSOR_ID: &str = "cursor";
/// Longer words do not fit into a term of 32,766 bytes.
const WORD_CHARS_MAX: u32 = 8_191;
/// Changes are searchable after this; half of it on average, and a list is asked for once a second.
const REFRESH_EVERY: &str = "500ms";
/// So long an engine remembers the version of a shop that left, should an old change come late.
const REMEMBER_DELETED: &str = "1h";

/// How an index is laid out; chosen when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLayout {
    /// Parts of the index.
    pub shards: u16,
    /// Copies of each part.
    pub replicas: u16,
    /// Korean texts are cut into morphemes beside; needs the engine's `analysis-nori`.
    pub nori: bool,
}

impl Default for IndexLayout {
    fn default() -> Self {
        Self { shards: 1, replicas: 1, nori: false }
    }
}

/// The body of the request that creates an index.
pub(crate) fn index_body(layout: IndexLayout, write_alias: &str) -> Value {
    let number = |kind: &str| json!({"type": kind, "index": false});
    let word = json!({"type": "keyword", "doc_values": false, "ignore_above": WORD_CHARS_MAX});
    let range = |kind: &str| json!({"type": kind, "doc_values": false});
    let mut properties = json!({
        "cursor": {"type": "keyword", "index": false, "doc_values": false},
        "shop": number("long"),
        "cells": word,
        "categories": word,
        "zone": {"type": "keyword"},
        "hours": range("integer_range"),
        "pauses": range("long_range"),
        "week": number("integer"),
        "edges": number("long"),
        "ads": {"type": "nested", "properties": {
            "starts": {"type": "long", "doc_values": false},
            "ends": {"type": "long", "doc_values": false},
            "weight": number("integer"),
        }},
        // All long: whatever stands in a cursor is a number that can be compared with them.
        "rating": number("long"),
        "weighted": number("long"),
        "fee": number("long"),
        "min_order": number("long"),
        "place": {"type": "geo_point"},
        "lat": number("double"),
        "lng": number("double"),
        "grams": {"type": "keyword", "doc_values": false},
    });
    if layout.nori {
        properties["words"] =
            json!({"type": "text", "analyzer": "nori", "norms": false, "index_options": "docs"});
    }
    json!({
        "aliases": {write_alias: {}},
        "settings": {"index": {
            "number_of_shards": layout.shards,
            "number_of_replicas": layout.replicas,
            "refresh_interval": REFRESH_EVERY,
            "gc_deletes": REMEMBER_DELETED,
        }},
        "mappings": {
            "dynamic": "strict",
            "_meta": {"shopfront": {"mapping_version": MAPPING_VERSION, "nori": layout.nori}},
            "_source": {"includes": ["cursor"]},
            "properties": properties,
        },
    })
}
