//! All that the owner says, flat.

use std::collections::HashMap;

use shop_document::facts::{EtaMinutes, FeeRung, MenuGroup, MenuItem};
use shop_document::{Area, Money, Place, ShopSectionFacts};
use writer_api::ShopFacts;
use writer_api::facts::{self, DeliveryArea};

use super::{LeftOut, area, hours};

/// The largest radius of a delivery area; what is beyond is cut, so that the cells of one shop stay few.
pub const RADIUS_M_MAX: u32 = 15_000;

/// All that is shown of the shop writer's section.
pub(super) fn section(facts: ShopFacts, left_out: &mut Vec<LeftOut>) -> ShopSectionFacts {
    let location = Place { lat: facts.location.lat, lng: facts.location.lng };
    let delivery = facts.delivery;
    let area = area_of(delivery.area, left_out);
    let cells = area::cells(location, &area, left_out);
    let (opening_hours, times) = hours::times(facts.time_zone, facts.opening_hours, &facts.pauses, left_out);
    let eta = delivery.eta_minutes;
    ShopSectionFacts {
        name: facts.name,
        thumbnail_url: facts.thumbnail_url,
        categories: facts.categories,
        location,
        address: facts.address,
        phone: facts.phone,
        notices: facts.notices,
        opening_hours,
        times,
        fee_ladder: ladder(delivery.fee_ladder),
        min_order: money(delivery.min_order),
        eta_minutes: EtaMinutes { from: eta.from, to: eta.to },
        area,
        cells,
        menus: menus(facts.menu),
        generated: facts.generated,
        credit: facts.credit,
    }
}

fn area_of(area: DeliveryArea, left_out: &mut Vec<LeftOut>) -> Area {
    match area {
        DeliveryArea::RadiusM(radius_m) => {
            if radius_m > RADIUS_M_MAX {
                let reason = format!("`{radius_m}` is cut to {RADIUS_M_MAX}");
                left_out.push(LeftOut::at("delivery.area.radius_m", reason));
            }
            Area::Circle(radius_m.min(RADIUS_M_MAX))
        }
        DeliveryArea::Polygon(corners) => {
            Area::Ring(corners.into_iter().map(|[lat, lng]| Place { lat, lng }).collect())
        }
    }
}

fn money(money: facts::Money) -> Money {
    Money { amount: money.amount, currency: money.currency }
}

/// Ascending by what has to be ordered, whatever the order on the wire.
fn ladder(rungs: Vec<facts::FeeRung>) -> Vec<FeeRung> {
    let flat =
        |rung: facts::FeeRung| FeeRung { order_at_least: money(rung.order_at_least), fee: money(rung.fee) };
    let mut rungs: Vec<FeeRung> = rungs.into_iter().map(flat).collect();
    rungs.sort_by_key(|rung| rung.order_at_least.amount);
    rungs
}

/// Groups in the order in which the menu first names them, items in the order of the menu.
fn menus(items: Vec<facts::MenuItem>) -> Vec<MenuGroup> {
    let mut groups: Vec<MenuGroup> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for item in items {
        let flat = MenuItem {
            id: item.id,
            name: item.name,
            description: item.description,
            price: money(item.price),
            image_url: item.image_url,
            sold_out: item.sold_out,
        };
        // Nearly always the group of the item before.
        if let Some(last) = groups.last_mut().filter(|last| last.name == item.group) {
            last.items.push(flat);
            continue;
        }
        match places.get(&item.group) {
            Some(&place) => groups[place].items.push(flat),
            None => {
                places.insert(item.group.clone(), groups.len());
                groups.push(MenuGroup { name: item.group, items: vec![flat] });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gbp(amount: i64) -> facts::Money {
        facts::Money { amount, currency: "GBP".to_owned() }
    }

    #[test]
    fn ladders_ascend_whatever_their_order_on_the_wire() {
        let rung = |at_least, fee| facts::FeeRung { order_at_least: gbp(at_least), fee: gbp(fee) };
        type Rungs = &'static [(i64, i64)];
        let cases: [(Rungs, Rungs); 4] = [
            (&[], &[]),
            (&[(0, 199)], &[(0, 199)]),
            (&[(2_000, 0), (1_000, 199), (1_500, 99)], &[(1_000, 199), (1_500, 99), (2_000, 0)]),
            // Of two rungs at one step neither is dropped, and they keep their order.
            (&[(1_000, 199), (0, 299), (1_000, 99)], &[(0, 299), (1_000, 199), (1_000, 99)]),
        ];
        for (given, expected) in cases {
            let flat = ladder(given.iter().map(|(at_least, fee)| rung(*at_least, *fee)).collect());
            let flat: Vec<_> =
                flat.iter().map(|rung| (rung.order_at_least.amount, rung.fee.amount)).collect();
            assert_eq!(flat, expected);
        }
    }

    #[test]
    fn a_menu_is_grouped_in_its_own_order() {
        let item = |id: &str, group: &str| facts::MenuItem {
            id: id.to_owned(),
            group: group.to_owned(),
            name: format!("item {id}"),
            description: None,
            price: gbp(100),
            image_url: None,
            sold_out: false,
        };
        let menu = vec![
            item("1", "Pizza"),
            item("2", "Drinks"),
            item("3", "Pizza"),
            item("4", "Drinks"),
            item("5", ""),
        ];
        let grouped = menus(menu);
        let grouped: Vec<(&str, Vec<&str>)> = grouped
            .iter()
            .map(|group| (group.name.as_str(), group.items.iter().map(|item| item.id.as_str()).collect()))
            .collect();
        assert_eq!(grouped, [("Pizza", vec!["1", "3"]), ("Drinks", vec!["2", "4"]), ("", vec!["5"])]);
        assert!(menus(Vec::new()).is_empty());
    }

    #[test]
    fn a_radius_beyond_all_bounds_is_cut() {
        let mut left_out = Vec::new();
        assert_eq!(area_of(DeliveryArea::RadiusM(15_000), &mut left_out), Area::Circle(15_000));
        assert_eq!(left_out, []);
        assert_eq!(area_of(DeliveryArea::RadiusM(4_000_000), &mut left_out), Area::Circle(15_000));
        assert_eq!(left_out, [LeftOut::at("delivery.area.radius_m", "`4000000` is cut to 15000")]);
    }
}
