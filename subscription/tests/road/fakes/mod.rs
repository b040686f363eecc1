//! A writer, a queue and a store that do what a test tells them, and a stage on which they meet.

mod follower;
mod queue;
mod stage;
mod writer;

pub(crate) use follower::{MemoryFollower, Mood};
pub(crate) use queue::WatchedQueue;
pub(crate) use stage::{Stage, eventually, shop, shops};
pub(crate) use writer::ScriptedWriter;
