//! The whole road with a transport in memory, a scripted writer and a follower in memory, in paused time.

mod fakes;

mod any_order;
mod changed_since;
mod end;
mod live;
mod resync;
mod trouble;
