//! The page people look at: shops near a place, one shop with its menu, changing live.
//!
//! In: nothing. Out: one file without any other file, to be served at `/`. It deliberately does not know how it
//! is served, and speaks to the query server's public API only.
#![forbid(unsafe_code)]

/// The page, complete: no network but the query server that serves it.
pub const HOME_PAGE: &str = include_str!("home.html");
