//! Facts as the writers take them.

use serde_json::{Value, json};

/// The H3 cell (resolution 8) that [`facts`] puts its shops into.
pub const CELL: &str = "88194ad321fffff";
/// Its place: the middle of London.
pub const LAT: f64 = 51.5115;
/// See [`LAT`].
pub const LNG: f64 = -0.1160;

/// A shop that is open at all hours.
#[must_use]
pub fn facts(name: &str) -> Value {
    let hours: Vec<Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(|day| json!({"day": day, "opens": "00:00", "closes": "24:00"}))
        .into();
    json!({
        "name": name,
        "address": "1 Strand, London",
        "location": {"lat": LAT, "lng": LNG},
        "time_zone": "Europe/London",
        "categories": ["pizza"],
        "opening_hours": hours,
        "delivery": {
            "area": {"radius_m": 1500},
            "fee_ladder": [{"order_at_least": gbp(0), "fee": gbp(199)}, {"order_at_least": gbp(2000), "fee": gbp(0)}],
            "min_order": gbp(1000),
            "eta_minutes": {"from": 20, "to": 35}
        },
        "menu": [{"id": "1", "group": "Pizza", "name": "Margherita", "price": gbp(950)}]
    })
}

/// Pence.
#[must_use]
pub fn gbp(amount: u32) -> Value {
    json!({"amount": amount, "currency": "GBP"})
}

/// Reviews of which all gave four stars.
#[must_use]
pub fn four_stars(count: u32) -> Value {
    json!({"by_stars": [0, 0, 0, count, 0]})
}

/// One campaign that runs for a long time.
#[must_use]
pub fn campaign(label: &str) -> Value {
    json!({"campaigns": [{"id": "1", "label": label, "starts_at": "2020-01-01T00:00:00Z",
        "ends_at": "2100-01-01T00:00:00Z", "weight": 10}]})
}
