//! Resident parts of one kind, bounded in bytes.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use papaya::{Compute, HashMap, LocalGuard, Operation, ResizeMode};
use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

use super::changes::{Changes, Seen, spread};
use super::clock::{Clock, Found, Ticket};
use crate::{Position, Stored};

/// What a slot costs beside the bytes of its part: slot and handles, the map's entry, the clock's. A counting allocator found
/// 245 to 251 bytes for 70,000 to 140,000 slots.
const SLOT_BYTES: usize = 256;

/// A part that knows its size.
pub(super) trait Weighed: Clone + Send + Sync + 'static {
    fn bytes_len(&self) -> usize;
}

impl Weighed for ListPart {
    fn bytes_len(&self) -> usize {
        self.bytes().len()
    }
}

impl Weighed for DetailPart {
    fn bytes_len(&self) -> usize {
        self.bytes().len()
    }
}

#[derive(Debug)]
struct Slot<T> {
    stored: Stored<T>,
    ticket: Ticket,
    used: AtomicBool,
}

impl<T: Weighed> Slot<T> {
    fn bytes(&self) -> i64 {
        i64::try_from(self.stored.part.bytes_len() + SLOT_BYTES).unwrap_or(i64::MAX)
    }

    fn mark_used(&self) {
        // Writing only once between two rounds of the clock keeps the cache line shared.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

/// Shop IDs are spread by one multiplication; they come from our own store, not from strangers' requests.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher;

#[derive(Debug, Default)]
struct IdHash(u64);

impl std::hash::Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| spread(hash.rotate_left(5) ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = spread(number);
        self.0 = product ^ (product >> 32);
    }
}

impl BuildHasher for IdHasher {
    type Hasher = IdHash;

    fn build_hasher(&self) -> IdHash {
        IdHash::default()
    }
}

#[derive(Debug)]
pub(super) struct Slots<T> {
    map: HashMap<ShopId, Slot<T>, IdHasher>,
    /// For a moment below zero when a slot is removed before whoever made it has counted it.
    bytes: AtomicI64,
    bytes_max: u64,
    tickets: AtomicU64,
    changes: Changes,
    clock: Clock,
}

impl<T: Weighed> Slots<T> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            // A map that grows by `compute` alone never finishes an incremental resize (papaya 0.2), and every get
            // probes a chain of old tables: 440 ns at 70,000 slots instead of 6.
            map: HashMap::builder().hasher(IdHasher).resize_mode(ResizeMode::Blocking).build(),
            bytes: AtomicI64::new(0),
            bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
            tickets: AtomicU64::new(0),
            changes: Changes::new(),
            clock: Clock::default(),
        }
    }

    pub(super) fn guard(&self) -> LocalGuard<'_> {
        self.map.guard()
    }

    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn get<'g>(&'g self, shop_id: ShopId, guard: &'g LocalGuard<'_>) -> Option<&'g Stored<T>> {
        let slot = self.map.get(&shop_id, guard)?;
        slot.mark_used();
        Some(&slot.stored)
    }

    /// What [`Slots::fill`] wants to know of the moment before the store was asked.
    pub(super) fn began(&self, shop_id: ShopId) -> u64 {
        self.changes.began(shop_id)
    }

    /// From the log: nothing can have overtaken it but what is newer.
    pub(super) fn fold(&self, shop_id: ShopId, stored: &Stored<T>) {
        self.changes.change(shop_id, || self.put(shop_id, stored));
    }

    /// What [`Slots::are_still`] compares with; taken before the slots of these shops are looked at.
    pub(super) fn seen(&self, shop_ids: impl Iterator<Item = ShopId>) -> Seen {
        self.changes.seen(shop_ids)
    }

    /// Whether no change of these shops has been applied since.
    pub(super) fn are_still(&self, seen: &Seen) -> bool {
        self.changes.are_still(seen)
    }

    /// After a miss: only what no change can have overtaken.
    pub(super) fn fill(&self, shop_id: ShopId, stored: &Stored<T>, began: u64) {
        let take_back = || self.remove_if(shop_id, |slot| slot.stored.position == stored.position);
        self.changes.fill(shop_id, began, || self.put(shop_id, stored), take_back);
    }

    fn put(&self, shop_id: ShopId, stored: &Stored<T>) {
        let map = self.map.pin();
        // A new shop may not make it too big; the hand of the clock makes room for those that are asked for.
        let may_enter = self.bytes() < self.bytes_max;
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let outcome = map.compute(shop_id, |held| match held {
            Some((_, held)) if held.stored.position >= stored.position => Operation::Abort(()),
            None if !may_enter => Operation::Abort(()),
            // The same shop, newer: it keeps its place on the clock and what its readers made of it.
            Some((_, held)) => Operation::Insert(Slot {
                stored: stored.clone(),
                ticket: held.ticket,
                used: AtomicBool::new(held.used.load(Ordering::Relaxed)),
            }),
            None => Operation::Insert(Slot { stored: stored.clone(), ticket, used: AtomicBool::new(false) }),
        });
        match outcome {
            Compute::Inserted(_, new) => {
                self.bytes.fetch_add(new.bytes(), Ordering::Relaxed);
                self.clock.enter(shop_id, new.ticket);
            }
            Compute::Updated { old: (_, old), new: (_, new) } => {
                self.bytes.fetch_add(new.bytes(), Ordering::Relaxed);
                self.bytes.fetch_sub(old.bytes(), Ordering::Relaxed);
            }
            Compute::Aborted(()) | Compute::Removed(..) => {}
        }
    }

    /// Drops what is older than a position.
    pub(super) fn outdate(&self, shop_id: ShopId, position: Position) {
        let drop_older = || self.remove_if(shop_id, |slot| slot.stored.position < position);
        self.changes.change(shop_id, drop_older);
    }

    pub(super) fn remove(&self, shop_id: ShopId) {
        self.changes.change(shop_id, || self.remove_if(shop_id, |_| true));
    }

    fn remove_if(&self, shop_id: ShopId, fits: impl Fn(&Slot<T>) -> bool) {
        let map = self.map.pin();
        if let Ok(Some((_, removed))) = map.remove_if(&shop_id, |_, slot| fits(slot)) {
            self.bytes.fetch_sub(removed.bytes(), Ordering::Relaxed);
        }
    }

    /// Makes room when there is none: a tenth of the whole, so that misses can be filled meanwhile.
    pub(super) fn evict(&self) {
        let target = self.bytes_max - self.bytes_max / 10;
        let map = self.map.pin();
        let is_there = |shop_id: ShopId, ticket| map.get(&shop_id).is_some_and(|slot| slot.ticket == ticket);
        let look = |shop_id: ShopId, ticket| match map.get(&shop_id) {
            Some(slot) if slot.ticket != ticket => Found::Gone,
            Some(slot) if slot.used.swap(false, Ordering::Relaxed) => Found::Used,
            Some(_) => {
                self.remove_if(shop_id, |slot| slot.ticket == ticket);
                Found::Evicted
            }
            None => Found::Gone,
        };
        self.clock.turn(self.bytes() >= self.bytes_max, || self.bytes() <= target, look);
        self.clock.tidy(self.len(), is_there);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use shop_document::ShopDocument;

    use super::*;
    use crate::conformance::shop_section;

    fn shop(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    fn card(number: u64, sequence: u64) -> Stored<ListPart> {
        let part = ShopDocument::assemble(shop(number), &shop_section(sequence, "x", &[])).list;
        Stored { part, position: Position { activation: 1, sequence } }
    }

    fn holding(cards: usize) -> Slots<ListPart> {
        Slots::new(cards * (card(1, 1).part.bytes_len() + SLOT_BYTES))
    }

    fn resident(slots: &Slots<ListPart>, number: u64) -> Option<u64> {
        slots.get(shop(number), &slots.guard()).map(|stored| stored.position.sequence)
    }

    #[test]
    fn what_people_ask_for_stays_and_the_rest_makes_room() {
        let slots = holding(100);
        (1..=100).for_each(|number| slots.fold(shop(number), &card(number, 1)));
        let hot: Vec<u64> = (1..=100).step_by(3).collect();
        assert!(hot.iter().all(|&number| resident(&slots, number) == Some(1)));
        // A hot shop that changes stays a hot one.
        slots.fold(shop(1), &card(1, 2));
        slots.fold(shop(101), &card(101, 1));
        assert_eq!((slots.len(), resident(&slots, 101)), (100, None), "there is no room yet");
        slots.evict();
        assert!((85..=90).contains(&slots.len()), "{} of 100 left", slots.len());
        assert!(hot.iter().all(|&number| resident(&slots, number).is_some()));
        slots.fold(shop(101), &card(101, 1));
        assert_eq!(resident(&slots, 101), Some(1));
    }

    #[test]
    fn a_fill_that_was_overtaken_stays_out_also_when_the_newer_one_was_evicted() {
        let slots = holding(1);
        let began = slots.began(shop(7));
        let slow = card(7, 1);
        slots.fill(shop(7), &card(7, 1), slots.began(shop(7)));
        slots.fold(shop(7), &card(7, 2));
        slots.evict();
        assert_eq!(resident(&slots, 7), None);
        slots.fill(shop(7), &slow, began);
        assert_eq!(resident(&slots, 7), None);
        slots.fill(shop(7), &card(7, 2), slots.began(shop(7)));
        assert_eq!(resident(&slots, 7), Some(2));
    }

    #[test]
    fn a_shop_that_changes_and_is_asked_for_all_day_fills_no_memory() {
        let slots = holding(1_000);
        for sequence in 1..=20_000 {
            slots.fill(shop(7), &card(7, sequence), slots.began(shop(7)));
            slots.outdate(shop(7), Position { activation: 1, sequence: sequence + 1 });
            if sequence % 500 == 0 {
                slots.evict();
                assert!(slots.clock.len() <= 1_026, "{} entries of no shop", slots.clock.len());
            }
        }
        assert_eq!(slots.bytes(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// A save, told by the log at once.
        Save(u64),
        Vanish(u64),
        /// A miss has read the store; its fill comes later.
        Read(u64),
        Fill(prop::sample::Index),
        Evict,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1..6_u64).prop_map(Step::Save),
            1 => (1..6_u64).prop_map(Step::Vanish),
            4 => (1..6_u64).prop_map(Step::Read),
            4 => any::<prop::sample::Index>().prop_map(Step::Fill),
            2 => Just(Step::Evict),
        ]
    }

    proptest! {
        #[test]
        fn what_is_resident_is_the_newest_whatever_comes_late(room in 0..5_usize, steps in prop::collection::vec(step(), 1..120)) {
            let slots = holding(room);
            let mut store: BTreeMap<u64, Option<Stored<ListPart>>> = BTreeMap::new();
            let (mut late, mut sequence) = (Vec::new(), 0);
            for step in steps {
                match step {
                    Step::Save(number) => {
                        sequence += 1;
                        store.insert(number, Some(card(number, sequence)));
                        slots.fold(shop(number), &card(number, sequence));
                    }
                    Step::Vanish(number) => {
                        store.insert(number, None);
                        slots.remove(shop(number));
                    }
                    Step::Read(number) => {
                        if let Some(Some(stored)) = store.get(&number) {
                            late.push((number, slots.began(shop(number)), stored.clone()));
                        }
                    }
                    Step::Fill(which) => {
                        if !late.is_empty() {
                            let (number, began, stored) = late.swap_remove(which.index(late.len()));
                            slots.fill(shop(number), &stored, began);
                        }
                    }
                    Step::Evict => {
                        slots.evict();
                        prop_assert!(slots.bytes() <= slots.bytes_max);
                    }
                }
                let mut bytes = 0;
                for number in 1..6 {
                    let newest = store.get(&number).cloned().flatten().map(|stored| stored.position.sequence);
                    // Looked at without `get`, which would mark it as used.
                    if let Some(slot) = slots.map.pin().get(&shop(number)) {
                        prop_assert_eq!(Some(slot.stored.position.sequence), newest);
                        bytes += slot.bytes();
                    }
                }
                prop_assert_eq!(i64::try_from(slots.bytes()).unwrap(), bytes);
            }
        }
    }

    /// What happens to the slots of a few shops.
    #[derive(Clone, Copy, Debug)]
    enum Happening {
        Fold(u64, u64),
        Fill(u64, u64),
        Outdate(u64, u64),
        Remove(u64),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let (shop, sequence) = (1_u64..6, 1_u64..9);
        prop_oneof![
            (shop.clone(), sequence.clone()).prop_map(|(shop, sequence)| Happening::Fold(shop, sequence)),
            (shop.clone(), sequence.clone()).prop_map(|(shop, sequence)| Happening::Fill(shop, sequence)),
            (shop.clone(), sequence).prop_map(|(shop, sequence)| Happening::Outdate(shop, sequence)),
            shop.prop_map(Happening::Remove),
        ]
    }

    proptest! {
        #[test]
        fn who_is_told_that_nothing_changed_would_see_the_same(
            before in prop::collection::vec(happening(), 0..6),
            after in prop::collection::vec(happening(), 0..3),
            page in prop::collection::vec(1_u64..6, 1..4),
        ) {
            let slots = holding(100);
            let happens = |happening| match happening {
                Happening::Fold(number, sequence) => slots.fold(shop(number), &card(number, sequence)),
                Happening::Fill(number, sequence) => {
                    slots.fill(shop(number), &card(number, sequence), slots.began(shop(number)));
                }
                Happening::Outdate(number, sequence) => {
                    slots.outdate(shop(number), Position { activation: 1, sequence });
                }
                Happening::Remove(number) => slots.remove(shop(number)),
            };
            before.into_iter().for_each(happens);
            let look = || page.iter().map(|number| resident(&slots, *number)).collect::<Vec<_>>();
            let seen = slots.seen(page.iter().map(|number| shop(*number)));
            let first = look();
            prop_assert!(slots.are_still(&seen), "nothing happened");
            after.into_iter().for_each(happens);
            let again = slots.seen(page.iter().map(|number| shop(*number)));
            if slots.are_still(&seen) {
                prop_assert_eq!(look(), first);
            }
            seen.renew(&again);
            prop_assert!(slots.are_still(&seen));
        }
    }
}
