//! The slow way to a list: every shop is asked anew, with the words of the design.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use h3o::LatLng;
use jiff::Timestamp;
use shop_document::{ListPart, ShopState, Zones};
use shop_id::ShopId;
use shop_search::{ListQuestion, ShopIndexer, Sort};

use crate::shops::Shop;

/// What was published, as a map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    shops: BTreeMap<ShopId, ListPart>,
}

impl Oracle {
    /// Folds into both.
    pub(crate) fn fold(&mut self, index: &impl ShopIndexer, shop: &Shop) {
        let part = shop.part();
        index.fold(shop.id(), &part);
        self.shops.insert(shop.id(), part);
    }

    /// Removes from both.
    pub(crate) fn remove(&mut self, index: &impl ShopIndexer, shop_id: ShopId) {
        index.remove(shop_id);
        self.shops.remove(&shop_id);
    }

    /// Folds all that is held into another index.
    pub(crate) fn fold_all(&self, index: &impl ShopIndexer) {
        self.shops.iter().for_each(|(shop_id, part)| index.fold(*shop_id, part));
    }

    /// Removes all that is held from both.
    pub(crate) fn remove_all(&mut self, index: &impl ShopIndexer) {
        self.shops.keys().for_each(|shop_id| index.remove(*shop_id));
        self.shops.clear();
    }

    pub(crate) fn listed(&self, question: &ListQuestion) -> impl Iterator<Item = (ShopId, &ListPart)> {
        let shops = self.shops.iter().map(|(shop_id, part)| (*shop_id, part));
        shops.filter(move |(_, part)| {
            let delivers = part.cells().any(|cell| cell == u64::from(question.cell));
            let asked = question.category.as_deref();
            delivers && asked.is_none_or(|asked| part.categories().any(|category| category == asked))
        })
    }

    /// The whole list.
    pub(crate) fn order(&self, question: &ListQuestion, at: Timestamp) -> Vec<ShopId> {
        let mut shops: Vec<_> = self
            .listed(question)
            .map(|(shop_id, part)| {
                let is_open = part.state_at(at, Zones).state == ShopState::Open;
                (Reverse(is_open), value(part, question, at), shop_id)
            })
            .collect();
        shops.sort();
        shops.into_iter().map(|(_, _, shop_id)| shop_id).collect()
    }

    /// The first moment after `now` at which any shop of the list changes by the clock.
    pub(crate) fn changes_at(&self, question: &ListQuestion, now: Timestamp) -> Option<Timestamp> {
        self.listed(question).filter_map(|(_, part)| part.next_change_after(now, Zones)).min()
    }
}

/// Ascending.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn value(part: &ListPart, question: &ListQuestion, at: Timestamp) -> (i64, i64) {
    let (stars, reviews) = part.stars();
    let (stars, reviews) = (i64::try_from(stars).unwrap(), i64::try_from(reviews).unwrap());
    match question.sort {
        Sort::Recommended => {
            let ad = part.ad_at(at).map_or(-1, |ad| i64::from(ad.weight.to_native()));
            // Twenty more reviews of three and a half stars.
            (-ad, -((stars * 1_000_000 + 70_000_000) / (reviews + 20)))
        }
        Sort::Distance => {
            let place = part.location();
            let kitchen = LatLng::new(place.lat, place.lng).unwrap();
            (LatLng::from(question.cell).distance_m(kitchen) as i64, 0)
        }
        Sort::Rating => (-(stars * 1_000_000).checked_div(reviews).unwrap_or(0), 0),
        Sort::DeliveryFee => (part.lowest_fee_amount(), 0),
        Sort::MinOrder => (part.min_order_amount(), 0),
    }
}
