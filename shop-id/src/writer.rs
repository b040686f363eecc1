//! Who owns what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::NameError;

/// The owner of a part of the truth. Its name stands in URLs, topics, metrics and revision tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Writer {
    /// Menus, opening hours, fees, delivery area. Only its "gone" makes a tombstone.
    Shop = 1,
    /// Advertising campaigns.
    Ads = 2,
    /// Stars and reviews.
    Reviews = 3,
    /// Discounts.
    Promotions = 4,
    /// Orders.
    Orders = 5,
    /// Payments.
    Payment = 6,
    /// The relay that hands orders to shops.
    OrderRelay = 7,
}

impl Writer {
    /// All writers, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Shop,
        Self::Ads,
        Self::Reviews,
        Self::Promotions,
        Self::Orders,
        Self::Payment,
        Self::OrderRelay,
    ];

    /// The writers whose answers make up a shop document.
    pub const OF_THE_DOCUMENT: [Self; 3] = [Self::Shop, Self::Ads, Self::Reviews];

    /// The name in URLs, topics, metrics and tokens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Ads => "ads",
            Self::Reviews => "reviews",
            Self::Promotions => "promotions",
            Self::Orders => "orders",
            Self::Payment => "payment",
            Self::OrderRelay => "order-relay",
        }
    }

    /// The number in stored bytes. Never reused.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The writer of a number found in stored bytes.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|writer| writer.number() == number)
    }

    /// All names, for messages that say what is allowed.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(|writer| format!("`{writer}`")).join(", ")
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Writer {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let named = Self::ALL.into_iter().find(|writer| writer.name() == text);
        named.ok_or_else(|| NameError::Writer { given: text.to_owned() })
    }
}

impl Serialize for Writer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Writer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_the_writer() {
        for writer in Writer::ALL {
            assert_eq!(writer.name().parse::<Writer>(), Ok(writer));
            assert_eq!(Writer::from_number(writer.number()), Some(writer));
        }
        assert_eq!(Writer::from_number(0), None);
        let refused = "Shop".parse::<Writer>().unwrap_err().to_string();
        assert!(refused.starts_with("`Shop` is not a writer, expected one of `shop`, `ads`"), "{refused}");
    }
}
