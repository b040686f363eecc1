//! `ShopId` and `OrderId`: numbers that are never zero, text in JSON.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::NameError;

/// A number is an ID only in its one canonical spelling: two spellings would be two URLs of one shop.
fn parse_canonical(text: &str) -> Option<NonZeroU64> {
    let starts_well = text.as_bytes().first().is_some_and(|first| (b'1'..=b'9').contains(first));
    if starts_well { text.parse().ok() } else { None }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// `None` for zero.
            #[must_use]
            pub const fn new(number: u64) -> Option<Self> {
                match NonZeroU64::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The number itself, 1 or more.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                parse_canonical(text).map(Self).ok_or_else(|| NameError::Id { given: text.to_owned() })
            }
        }

        /// A string in JSON: JavaScript would round numbers above 2^53.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

id! {
    /// Names one shop in the writers' tables, the event, the store key and the CDN tag. Never zero.
    ShopId
}

id! {
    /// Names one order. Never zero.
    OrderId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shop_has_one_spelling() {
        for wrong in ["", "0", "00", "07", "+7", "-7", " 7", "7 ", "7.0", "7a", "18446744073709551616", "٧"]
        {
            let refused = wrong.parse::<ShopId>();
            assert_eq!(refused, Err(NameError::Id { given: wrong.to_owned() }));
        }
        assert_eq!("18446744073709551615".parse::<ShopId>().unwrap().get(), u64::MAX);
    }

    proptest::proptest! {
        #[test]
        fn every_id_survives_text_and_json(number in 1_u64..) {
            let shop_id = ShopId::new(number).unwrap();
            proptest::prop_assert_eq!(shop_id.to_string().parse::<ShopId>().unwrap(), shop_id);
            let json = serde_json::to_string(&shop_id).unwrap();
            proptest::prop_assert_eq!(&json, &format!("\"{number}\""));
            proptest::prop_assert_eq!(serde_json::from_str::<ShopId>(&json).unwrap(), shop_id);
        }
    }
}
