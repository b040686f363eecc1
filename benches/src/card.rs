//! A card as a typed program sees it: what the usual service parses out of its store and writes into its answer.
//!
//! The members stand in the order of the rendered card, so that both answers hold the same.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One shop on a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Card {
    id: String,
    name: String,
    thumbnail_url: Option<String>,
    categories: Vec<String>,
    delivery_fee: Vec<FeeRung>,
    min_order: Money,
    eta_minutes: Eta,
    location: Place,
    menu_previews: Vec<Preview>,
    rating: Option<f64>,
    review_count: u64,
    state: String,
    next_change_at: Option<String>,
    /// Not a fact of the shop: each page has its own.
    pub distance_m: Option<u32>,
    ad_label: Option<String>,
    promotions: Vec<serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Money {
    amount: i64,
    currency: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct FeeRung {
    order_at_least: Money,
    fee: Money,
}

#[derive(Debug, Serialize, Deserialize)]
struct Eta {
    from: u16,
    to: u16,
}

#[derive(Debug, Serialize, Deserialize)]
struct Place {
    lat: f64,
    lng: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Preview {
    name: String,
    price: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
}

/// A list page.
#[derive(Serialize)]
pub struct List<'a> {
    /// The shops.
    pub shops: Vec<Card>,
    /// Where the list goes on.
    pub next_cursor: &'a RawValue,
    /// About the answer.
    pub meta: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_went_through_types_says_the_same() {
        let rendered = concat!(
            r#"{"id":"7","name":"Café \"Seven\"","thumbnail_url":null,"categories":["cafe"],"#,
            r#""delivery_fee":[{"order_at_least":{"amount":0,"currency":"GBP"},"fee":{"amount":199,"currency":"GBP"}}],"#,
            r#""min_order":{"amount":1000,"currency":"GBP"},"eta_minutes":{"from":20,"to":35},"#,
            r#""location":{"lat":51.5074,"lng":-0.1278},"#,
            r#""menu_previews":[{"name":"Flat white","price":{"amount":320,"currency":"GBP"}}],"#,
            r#""rating":4.5,"review_count":12,"state":"open","next_change_at":"2026-11-23T17:00:00+00:00","#,
            r#""distance_m":420,"ad_label":null,"promotions":[]}"#
        );
        let card: Card = serde_json::from_str(rendered).unwrap();
        assert_eq!(serde_json::to_string(&card).unwrap(), rendered);
    }
}
