//! A shop, a shard -> names and slots.
//!
//! In a cluster a slot is the hash of what stands between braces. Tags are chosen so that the slots of all shards lie an
//! equal stretch apart, whatever they are called: on three nodes that share the slots evenly, six shards are two each.

use shop_id::ShopId;

use crate::traits::shard_of;

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// All names of one store.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    tags: Vec<String>,
}

impl Keys {
    pub(super) fn new(name: &str, shards: u16) -> Self {
        let shards = shards.max(1);
        let first = slot_of(&format!("{name}:0"));
        let stretch = SLOTS / shards;
        let tag = |shard: u16| {
            // The first stands where it falls, so that it can be found before the number of shards is known.
            if shard == 0 {
                return format!("{{{name}:0}}");
            }
            let from = (first + shard * stretch) % SLOTS;
            // One in so many names falls to the beginning of the stretch: a thousand times as many tries always find one.
            let named = (0..u32::from(shards) * 4_000).map(|attempt| match attempt {
                0 => format!("{name}:{shard}"),
                attempt => format!("{name}:{shard}.{attempt}"),
            });
            let fits = |name: &String| (slot_of(name) + SLOTS - from) % SLOTS < (stretch / 4).max(1);
            let name = named.into_iter().find(fits).unwrap_or_else(|| format!("{name}:{shard}"));
            format!("{{{name}}}")
        };
        Self { tags: (0..shards).map(tag).collect() }
    }

    pub(super) fn shards(&self) -> u16 {
        u16::try_from(self.tags.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn shard_of(&self, shop_id: ShopId) -> u16 {
        shard_of(shop_id, self.shards())
    }

    fn tag(&self, shard: u16) -> &str {
        // Shards of a caller who does not know the store's number of them are one too many at most.
        &self.tags[usize::from(shard) % self.tags.len()]
    }

    /// Of all keys of a shard.
    pub(super) fn slot(&self, shard: u16) -> u16 {
        slot_of(self.tag(shard).trim_matches(['{', '}']))
    }

    pub(super) fn list(&self, shop_id: ShopId) -> String {
        format!("{}:list:{shop_id}", self.tag(self.shard_of(shop_id)))
    }

    pub(super) fn detail(&self, shop_id: ShopId) -> String {
        format!("{}:detail:{shop_id}", self.tag(self.shard_of(shop_id)))
    }

    pub(super) fn log(&self, shard: u16) -> String {
        format!("{}:log", self.tag(shard))
    }

    pub(super) fn ids(&self, shard: u16) -> String {
        format!("{}:ids", self.tag(shard))
    }

    pub(super) fn meta(&self, shard: u16) -> String {
        format!("{}:meta", self.tag(shard))
    }
}

/// CRC16 (XMODEM) of what stands between the braces.
fn slot_of(tag: &str) -> u16 {
    let step = |crc: u16, byte: &u8| {
        let mixed = crc ^ (u16::from(*byte) << 8);
        (0..8).fold(mixed, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 })
    };
    tag.as_bytes().iter().fold(0, step) % SLOTS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        // What `CLUSTER KEYSLOT` answers.
        for (tag, slot) in [("123456789", 12_739), ("foo", 12_182), ("somekey", 11_058), ("hash_tag", 2_515)]
        {
            assert_eq!(slot_of(tag), slot, "{tag}");
        }
    }

    #[test]
    fn the_keys_of_a_shop_share_its_shards_tag() {
        let keys = Keys::new("shopfront", 6);
        let shop_id = ShopId::new(u64::MAX).unwrap();
        let shard = keys.shard_of(shop_id);
        for key in
            [keys.list(shop_id), keys.detail(shop_id), keys.log(shard), keys.ids(shard), keys.meta(shard)]
        {
            assert!(key.starts_with(&format!("{}:", keys.tag(shard))), "{key}");
        }
        assert_eq!(keys.meta(0), "{shopfront:0}:meta");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn shards_lie_spread_over_the_slots_whatever_the_store_is_called(name in "[a-z0-9_-]{1,20}", shards in 1_u16..=64) {
            let keys = Keys::new(&name, shards);
            let mut slots: Vec<u16> = (0..shards).map(|shard| keys.slot(shard)).collect();
            slots.sort_unstable();
            slots.dedup();
            prop_assert_eq!(slots.len(), usize::from(shards));
            // A third of the slots holds a third of the shards, give or take one at either end.
            let of_a_third = slots.iter().filter(|slot| **slot < SLOTS / 3).count();
            prop_assert!(of_a_third.abs_diff(usize::from(shards) / 3) <= 2, "{of_a_third} of {shards}");
        }
    }
}
