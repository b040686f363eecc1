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

impl Position {
    /// Bytes of [`Position::to_bytes`].
    pub const BYTES: usize = 12;

    /// Big-endian, so that bytes compare as positions do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.activation.to_be_bytes());
        bytes[4..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// `None` when there are too few bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let activation = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let sequence = u64::from_be_bytes(bytes.get(4..Self::BYTES)?.try_into().ok()?);
        Some(Self { activation, sequence })
    }

    /// The next save in the same activation.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { activation: self.activation, sequence: self.sequence + 1 }
    }
}

/// One position per shard: a follower's cursor through the whole log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub Vec<Position>);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn bytes_compare_as_positions_do(a: (u32, u64), b: (u32, u64)) {
            let [a, b] = [a, b].map(|(activation, sequence)| Position { activation, sequence });
            proptest::prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            proptest::prop_assert_eq!(Position::from_bytes(&a.to_bytes()), Some(a));
        }
    }
}
