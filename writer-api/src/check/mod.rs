//! Facts -> everything that is wrong in them. Pure: no clock, no I/O but the machine's time zone names.
//!
//! The rules of `CONTRACT.md`, as the reference writers apply them to changes and the import to rows.

mod ads; //      campaigns
mod delivery; // area, fees, minimum order, times
mod findings; // path, given value, what is expected
mod hours; //    opening hours, pauses
mod menu; //     things to eat
mod reviews; //  stars and texts
mod shop; //     all that the shop's owner says, and where it comes from
mod texts; //    lengths, words, addresses of pictures

pub use ads::check as ads;
pub use findings::{Finding, Findings, Path, sentence};
pub use reviews::{REVIEW_CHARS_MAX, check as reviews};
pub use shop::{bulk_shop, check as shop, is_time_zone, source};
pub use texts::{is_category, lines, text};
