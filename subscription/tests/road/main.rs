//! The whole road with a transport in memory, a scripted writer and a follower in memory, in paused time.
#![allow(clippy::unwrap_used, reason = "all of it is test code, not only the functions that are tests")]

mod fakes;

mod any_order;
mod changed_since;
mod end;
mod live;
mod resync;
mod trouble;
