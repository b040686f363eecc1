//! Shops that were found, in order.

use xxhash_rust::xxh3::xxh3_64;

use super::segments::Found;
use crate::asked::{Asked, Order};
use crate::ordered::View;
use crate::rank::{Standing, rank, rank_of_match};
use crate::shop::{NEVER, Second};
use crate::{PAGE_SHOPS_MAX, Sort};

/// One page of them, and one shop more where more follow.
#[derive(Debug)]
pub(crate) struct Matches {
    standings: Vec<Standing>,
    from: Second,
    until: Second,
    generation: u64,
}

impl Matches {
    /// Judges all that were found, and sorts what the page shows.
    pub(crate) fn of(found: &[Found], view: &View<'_>, sort: Option<Sort>, asked: &Asked) -> Self {
        let mut matches = Self { standings: Vec::new(), from: 0, until: NEVER, generation: 0 };
        for found in found {
            let Some((shop, judged)) = view.judge(found.shop_number, asked.at) else { continue };
            let rank = match sort {
                Some(sort) => rank(sort, &shop.facts, &judged, view.centre()),
                None => rank_of_match(found.matched, &shop.facts, &judged),
            };
            let is_of_now = (judged.since..judged.until).contains(&asked.now);
            // A page of an earlier order: what it shows still changes with the clock of today.
            let until = if is_of_now { judged.until } else { shop.facts.judge(asked.now).until };
            matches.from = matches.from.max(judged.since);
            matches.until = matches.until.min(until);
            matches.take(Standing { rank, shop_id: shop.shop_id }, asked);
        }
        matches.sort();
        matches
    }

    pub(crate) fn order(&self) -> Order<'_> {
        let Self { ref standings, from, until, generation } = *self;
        Order { standings, from, until, generation }
    }

    fn take(&mut self, standing: Standing, asked: &Asked) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&standing.rank.to_le_bytes());
        bytes[8..].copy_from_slice(&standing.shop_id.get().to_le_bytes());
        // A sum, since standings decide their order.
        self.generation = self.generation.wrapping_add(xxh3_64(&bytes));
        if asked.after.is_none_or(|after| standing > after) {
            self.standings.push(standing);
        }
    }

    fn sort(&mut self) {
        if self.standings.len() > PAGE_SHOPS_MAX {
            self.standings.select_nth_unstable(PAGE_SHOPS_MAX);
            self.standings.truncate(PAGE_SHOPS_MAX + 1);
        }
        self.standings.sort_unstable();
    }
}
