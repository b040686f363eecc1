//! Menus: log-normal sizes (median 47, p99 102 items), dishes by cuisine, one price level per shop.

use rand::{RngExt as _, rngs::StdRng};
use writer_api::facts::MenuItem;

use super::cuisines::{self, EVERYWHERE, Group};
use super::{Generator, normal};

/// Half of the menus are longer.
pub const MENU_ITEMS_MEDIAN: f64 = 47.0;
/// `ln(102 / 47) / 2.3263`: puts the 99th percentile of the log-normal at 102 items.
const SIGMA: f64 = 0.333;
/// The longest menu; the tail above is one shop in ten thousand.
pub const MENU_ITEMS_MAX: usize = 160;

impl Generator<'_> {
    /// A menu for the first category that is a cuisine, else for a cuisine of its own.
    #[must_use]
    pub fn menu(&self, categories: &[String]) -> Vec<MenuItem> {
        let named = categories.iter().find_map(|category| cuisines::find(category));
        let Some(cuisine) = named.or_else(|| cuisines::find(self.cuisine())) else { return Vec::new() };
        let mut chance = self.chance("menu");
        let wanted = size(&mut chance);
        let level = 1.0 + 0.12 * normal(&mut chance).clamp(-2.0, 2.0);
        let offered: Vec<Offer> = offers(cuisine.groups).chain(offers(EVERYWHERE)).collect();
        let chosen = choose(&mut chance, offered.len(), wanted);
        let mut menu: Vec<MenuItem> = Vec::with_capacity(chosen.len());
        for (number, index) in chosen.into_iter().enumerate() {
            menu.push(self.item(&mut chance, number, &offered[index], level));
        }
        menu
    }

    fn item(&self, chance: &mut StdRng, number: usize, offer: &Offer, level: f64) -> MenuItem {
        // Prices are at most some hundred pounds: far from where either cast loses anything.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let pence = (offer.pence as f64 * level) as i64;
        let description = chance.random_bool(0.35).then(|| {
            let words =
                ["Freshly made to order", "A favourite of the house", "Suitable for vegetarians on request"];
            words[chance.random_range(0..words.len())].to_owned()
        });
        MenuItem {
            id: format!("m{}", number + 1),
            group: offer.group.to_owned(),
            name: format!("{}{}", offer.dish, offer.variant),
            description,
            price: self.money(pence.max(60)),
            image_url: None,
            sold_out: chance.random_bool(0.02),
        }
    }
}

struct Offer {
    group: &'static str,
    dish: &'static str,
    variant: &'static str,
    pence: i64,
}

fn offers(groups: &'static [Group]) -> impl Iterator<Item = Offer> {
    groups.iter().flat_map(|group| {
        group.dishes.iter().flat_map(move |&(dish, pence)| {
            group.variants.iter().map(move |&(variant, more)| Offer {
                group: group.name,
                dish,
                variant,
                pence: pence + more,
            })
        })
    })
}

fn size(chance: &mut StdRng) -> usize {
    let items = MENU_ITEMS_MEDIAN * (SIGMA * normal(chance)).exp();
    // Clamped to 5..=160 before the cast.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let items = items.round().clamp(5.0, MENU_ITEMS_MAX as f64) as usize;
    items
}

/// `wanted` of `offered` indices in menu order, each equally likely (Knuth's selection sampling).
fn choose(chance: &mut StdRng, offered: usize, wanted: usize) -> Vec<usize> {
    let mut missing = wanted.min(offered);
    let mut chosen = Vec::with_capacity(missing);
    for index in 0..offered {
        if missing > 0 && chance.random_range(0..offered - index) < missing {
            chosen.push(index);
            missing -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn menus_have_the_sizes_of_real_ones() {
        let mut sizes: Vec<usize> = (0..20_000)
            .map(|number: u32| {
                let key = number.to_string();
                let shop = Generator { seed: 1, source: "test", key: &key, currency: "GBP" };
                let mut chance = shop.chance("menu");
                size(&mut chance)
            })
            .collect();
        sizes.sort_unstable();
        let (median, p99) = (sizes[sizes.len() / 2], sizes[sizes.len() * 99 / 100]);
        assert!((46..=48).contains(&median), "median {median}");
        assert!((99..=105).contains(&p99), "p99 {p99}");
    }

    #[test]
    fn every_cuisine_can_fill_a_p99_menu() {
        for category in cuisines::POPULAR {
            let cuisine = cuisines::find(category).unwrap();
            let offered = offers(cuisine.groups).chain(offers(EVERYWHERE)).count();
            assert!(offered >= 110, "{category} offers {offered}");
        }
    }

    #[test]
    fn a_pizza_place_sells_pizza_and_item_ids_are_unique() {
        let shop = Generator { seed: 1, source: "test", key: "1", currency: "GBP" };
        let menu = shop.menu(&["takeaway".to_owned(), "pizza".to_owned()]);
        assert!(menu.iter().any(|item| item.group == "Pizzas"));
        let ids: std::collections::HashSet<_> = menu.iter().map(|item| &item.id).collect();
        assert_eq!(ids.len(), menu.len());
        assert!(menu.iter().all(|item| item.price.amount >= 50 && item.price.currency == "GBP"));
    }
}
