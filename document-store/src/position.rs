//! Where in the change log a save stands.

/// Orders all saves of one shop: the activation number precedes the sequence in every comparison, since
/// whatever may lose or swap saves (failover, flush, way back) raises it and restarts the counting.
///
/// Sequences are per shard and a shop never changes its shard, so positions of one shop compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The store's activation number; the first is 1.
    pub activation: u32,
    /// Within the shard; the first save is 1, 0 stands before all.
    pub sequence: u64,
}

/// One position per shard: a follower's cursor through the whole log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub Vec<Position>);
