//! Facts -> everything that is wrong in them. Pure: no clock, no I/O but the machine's time zone names.

mod ads; //      campaigns
mod delivery; // area, fees, minimum order, times
mod findings; // path, given value, what is expected
mod hours; //    opening hours, pauses
mod menu; //     things to eat
mod reviews; //  stars and texts
mod shop; //     all that the shop's owner says
mod texts; //    lengths, words, addresses of pictures

pub(crate) use ads::check as ads;
pub(crate) use findings::{Finding, Findings};
pub(crate) use reviews::{REVIEW_CHARS_MAX, check as reviews};
pub(crate) use shop::check as shop;
pub(crate) use texts::text;

#[cfg(test)]
mod tests;
