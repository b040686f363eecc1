//! A row and the mapping's recipes -> the facts of a shop. Pure: the same row gives the same facts.

use serde_json::Value as Json;
use writer_api::facts::{
    AdFacts, Delivery, DeliveryArea, EtaMinutes, FeeRung, Location, MenuItem, Money, OpeningHours,
    ReviewFacts, ShopFacts,
};
use writer_api::{BulkShop, Source, check};

use super::mapping::{DeliveryFields, LocationFields, Mapping, MenuFields, Part};
use super::path::Path;
use super::value::{Problem, Row, Value};
use super::{currencies, hours};
use crate::generate::{Generator, is_kind_of_place};

/// Longer names are no names (the shop writer's own bound).
const NAME_CHARACTERS_MAX: usize = 200;
/// The shop writer's own bound.
const CATEGORIES_MAX: usize = 8;

/// What a row became.
#[derive(Debug)]
pub enum Shaped {
    /// A shop.
    Shop(Box<ShapedShop>),
    /// Not wanted by `only` or `skip`.
    Skipped,
}

/// A shop, its generated company, and what could not be used of the row.
#[derive(Debug)]
pub struct ShapedShop {
    /// Unique within the source.
    pub key: String,
    /// For the shop writer.
    pub facts: ShopFacts,
    /// For the ads writer.
    pub ads: Option<AdFacts>,
    /// For the reviews writer.
    pub reviews: Option<ReviewFacts>,
    /// The shop is good, a part of the row is not.
    pub notes: Vec<Problem>,
}

/// A shop as it is sent.
#[derive(Debug)]
pub struct SourcedShop {
    /// For the shop writer.
    pub row: BulkShop,
    /// For the ads writer.
    pub ads: Option<AdFacts>,
    /// For the reviews writer.
    pub reviews: Option<ReviewFacts>,
}

impl ShapedShop {
    /// Of this data set.
    #[must_use]
    pub fn from(self, source: &str) -> SourcedShop {
        let source = Source { name: source.to_owned(), key: self.key };
        let row = BulkShop { source: Some(source), facts: self.facts };
        SourcedShop { row, ads: self.ads, reviews: self.reviews }
    }
}

/// Why the shop writer would refuse a shop: by its own rules, so that a check knows without asking.
#[must_use]
pub fn refused(shop: &BulkShop) -> Option<Problem> {
    let mut findings = check::Findings::default();
    check::bulk_shop(shop, &mut findings);
    let findings = findings.into_result().err()?;
    let first = findings.first()?;
    let member = first.path.strip_prefix("facts.").unwrap_or(&first.path);
    let reason = format!("`{}` is not {}", without_numbers(member), first.expected);
    Some(Problem::new(reason, first.given.clone().unwrap_or_default()))
}

/// `menu[3].name` -> `menu[].name`: bad rows are counted by it.
fn without_numbers(member: &str) -> String {
    let mut inside = false;
    member
        .chars()
        .filter(|letter| {
            inside &= *letter != ']';
            let keep = !inside;
            inside |= *letter == '[';
            keep
        })
        .collect()
}

/// Makes a shop of a row.
///
/// # Errors
/// Why it cannot be one.
pub fn shape(mapping: &Mapping, seed: u64, json: &Json) -> Result<Shaped, Problem> {
    let row = Row { json, empty: &mapping.input.empty };
    for filter in &mapping.filters {
        let texts = filter.field.texts(row)?;
        let found = if filter.wanted.is_empty() {
            !texts.is_empty()
        } else {
            texts.iter().any(|text| filter.wanted.contains(text))
        };
        if found != filter.keep {
            return Ok(Shaped::Skipped);
        }
    }
    let key = mapping.key.text(row)?.ok_or_else(|| Problem::new("key is missing", ""))?;
    let generator = Generator { seed, source: &mapping.source, key: &key, currency: &mapping.shop.currency };
    let mut notes = Vec::new();
    let facts = facts(mapping, generator, row, &mut notes)?;
    let makes = |part: Part| mapping.generate.contains(&part);
    let ads = if makes(Part::Ads) { generator.campaigns() } else { None };
    let reviews = makes(Part::Reviews).then(|| generator.reviews());
    Ok(Shaped::Shop(Box::new(ShapedShop { key, facts, ads, reviews, notes })))
}

fn facts(
    mapping: &Mapping,
    generator: Generator<'_>,
    row: Row<'_>,
    notes: &mut Vec<Problem>,
) -> Result<ShopFacts, Problem> {
    let shop = &mapping.shop;
    let many = |value: &Option<Value>| value.as_ref().map_or(Ok(Vec::new()), |value| value.texts(row));
    let one = |value: &Option<Value>| many(value).map(|texts| texts.into_iter().next());
    let makes = |part: Part| mapping.generate.contains(&part);
    let name = name(&shop.name, row)?;
    let location = location(&shop.location, row)?;
    let mut generated = many(&shop.generated)?;
    let mut categories = many(&shop.categories)?;
    if makes(Part::Categories) && categories.iter().all(|category| is_kind_of_place(category)) {
        categories.push(generator.cuisine().to_owned());
        generated.push("categories".to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    categories.retain(|category| seen.insert(category.clone()));
    categories.truncate(CATEGORIES_MAX);
    let opening_hours = match known_hours(one(&shop.opening_hours)?, notes) {
        Some(hours) => hours,
        None if makes(Part::OpeningHours) => {
            generated.push("opening_hours".to_owned());
            generator.opening_hours(&categories)
        }
        None => Vec::new(),
    };
    let mut menu = menu(&shop.menu, &shop.currency, row, notes)?;
    if menu.is_empty() && makes(Part::Menu) {
        menu = generator.menu(&categories);
        generated.push("menu".to_owned());
    }
    let mut delivery = if makes(Part::Delivery) {
        generated.push("delivery".to_owned());
        generator.delivery()
    } else {
        everyday_delivery(&shop.currency)
    };
    if let Some(fields) = &shop.delivery {
        apply_delivery(fields, &shop.currency, row, &mut delivery)?;
    }
    let time_zone =
        shop.time_zone.text(row)?.ok_or_else(|| Problem::new("time zone is missing", name.clone()))?;
    Ok(ShopFacts {
        name,
        address: one(&shop.address)?.map(one_line),
        location,
        time_zone,
        categories,
        phone: one(&shop.phone)?.map(one_line),
        thumbnail_url: one(&shop.thumbnail_url)?,
        notices: many(&shop.notices)?,
        opening_hours,
        pauses: Vec::new(),
        delivery,
        menu,
        generated,
        credit: mapping.credit.clone(),
    })
}

fn name(value: &Value, row: Row<'_>) -> Result<String, Problem> {
    let name = value.text(row)?.ok_or_else(|| Problem::new("name is missing", ""))?;
    if name.contains('\u{fffd}') {
        return Err(Problem::new("name has bytes that are not of the stated encoding", name));
    }
    let name = one_line(name);
    if name.chars().count() > NAME_CHARACTERS_MAX {
        return Err(Problem::new(format!("name is longer than {NAME_CHARACTERS_MAX} characters"), name));
    }
    Ok(name)
}

/// Cells of tables have line breaks where they were broken to fit.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text }
}

fn location(fields: &LocationFields, row: Row<'_>) -> Result<Location, Problem> {
    let (lat, lng) = match fields {
        LocationFields::Apart { lat, lng } => (one_number(lat, row)?, one_number(lng, row)?),
        LocationFields::Pair { pair, lng_first } => {
            let (first, second) = two_numbers(pair, row)?;
            if *lng_first { (second, first) } else { (first, second) }
        }
    };
    let given = format!("{lat}, {lng}");
    if !(-90.0..=90.0).contains(&lat) {
        return Err(Problem::new("latitude is not between -90 and 90", given));
    }
    if !(-180.0..=180.0).contains(&lng) {
        return Err(Problem::new("longitude is not between -180 and 180", given));
    }
    if lat == 0.0 && lng == 0.0 {
        return Err(Problem::new("coordinates are 0, 0", given));
    }
    Ok(Location { lat, lng })
}

fn one_number(value: &Value, row: Row<'_>) -> Result<f64, Problem> {
    let text = value.text(row)?.ok_or_else(|| Problem::new("coordinates are missing", ""))?;
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Problem::new("coordinate is not a number", text))
}

/// A list of two numbers, or text with two numbers in it: `51.5, -0.1`, `(51.5, -0.1)`, `POINT (-0.1 51.5)`.
fn two_numbers(path: &Path, row: Row<'_>) -> Result<(f64, f64), Problem> {
    let texts = row.texts(path);
    if texts.is_empty() {
        return Err(Problem::new("coordinates are missing", ""));
    }
    let given = texts.join(", ");
    let is_inside = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.');
    let numbers: Vec<f64> =
        given.split(|letter| !is_inside(letter)).filter_map(|text| text.parse().ok()).collect();
    match numbers.as_slice() {
        // A third number is a height.
        [first, second] | [first, second, _] => Ok((*first, *second)),
        _ => Err(Problem::new("coordinates are not two numbers", given)),
    }
}

/// Nothing, if nothing is known: a shop that is always closed has said so.
fn known_hours(text: Option<String>, notes: &mut Vec<Problem>) -> Option<Vec<OpeningHours>> {
    let text = text?;
    let hours = hours::parse(&text);
    if hours.is_none() {
        notes.push(Problem::new("opening hours are not weekly hours, left out", text));
    }
    hours
}

fn menu(
    fields: &[MenuFields],
    currency: &str,
    row: Row<'_>,
    notes: &mut Vec<Problem>,
) -> Result<Vec<MenuItem>, Problem> {
    let mut menu = Vec::new();
    for fields in fields {
        let elements: Vec<&Json> = match &fields.each {
            None => vec![row.json],
            Some(path) => path
                .find(row.json)
                .into_iter()
                .flat_map(|found| found.as_array().map_or_else(|| vec![found], |all| all.iter().collect()))
                .collect(),
        };
        for element in elements {
            items(fields, currency, Row { json: element, empty: row.empty }, &mut menu, notes)?;
        }
    }
    Ok(menu)
}

/// One item per name; each has its own price, or all share the only one.
fn items(
    fields: &MenuFields,
    currency: &str,
    row: Row<'_>,
    menu: &mut Vec<MenuItem>,
    notes: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let prices = fields.price.texts(row)?;
    let group = fields.group.as_ref().map_or(Ok(None), |value| value.text(row))?;
    let description = fields.description.as_ref().map_or(Ok(None), |value| value.text(row))?;
    for (index, name) in fields.name.texts(row)?.into_iter().enumerate() {
        let Some(price) = prices.get(index).or_else(|| prices.first()) else {
            notes.push(Problem::new("menu item has no price, left out", name));
            continue;
        };
        match money(price, currency) {
            Ok(price) => menu.push(MenuItem {
                id: format!("m{}", menu.len() + 1),
                group: group.clone().map_or_else(|| "Menu".to_owned(), one_line),
                name: one_line(name),
                description: description.clone(),
                price,
                image_url: None,
                sold_out: false,
            }),
            Err(problem) => {
                notes.push(Problem::new("menu item's price is not an amount, left out", problem.given));
            }
        }
    }
    Ok(())
}

/// Major units as people write them, `£1,234.50` or `6,900원`, to minor units.
pub(super) fn money(text: &str, currency: &str) -> Result<Money, Problem> {
    let digits: String = text.chars().filter(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    let refused = || Problem::new("not an amount of money", text);
    let major: f64 = digits.trim_end_matches('.').parse().map_err(|_| refused())?;
    if text.contains('-') || major > 1e9 {
        return Err(refused());
    }
    // At most 1e12: exact in both types.
    #[allow(clippy::cast_possible_truncation)]
    let amount = (major * currencies::minor_per_major(currency)).round() as i64;
    Ok(Money { amount, currency: currency.to_owned() })
}

/// What a shop does when nothing else is said.
fn everyday_delivery(currency: &str) -> Delivery {
    let zero = Money { amount: 0, currency: currency.to_owned() };
    Delivery {
        area: DeliveryArea::RadiusM(2_000),
        fee_ladder: vec![FeeRung { order_at_least: zero.clone(), fee: zero.clone() }],
        min_order: zero,
        eta_minutes: EtaMinutes { from: 30, to: 50 },
    }
}

fn apply_delivery(
    fields: &DeliveryFields,
    currency: &str,
    row: Row<'_>,
    delivery: &mut Delivery,
) -> Result<(), Problem> {
    let number = |value: &Option<Value>, what: &str| -> Result<Option<f64>, Problem> {
        let Some(text) = value.as_ref().map_or(Ok(None), |value| value.text(row))? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| (0.0..=1e6).contains(number));
        number.map(Some).ok_or_else(|| Problem::new(format!("{what} is not a number from 0"), text))
    };
    let amount = |value: &Option<Value>| -> Result<Option<Money>, Problem> {
        let text = value.as_ref().map_or(Ok(None), |value| value.text(row))?;
        text.map(|text| money(&text, currency)).transpose()
    };
    if let Some(radius) = number(&fields.radius_m, "delivery radius")? {
        // Checked to be 0..=1e6 above.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let radius_m = radius as u32;
        delivery.area = DeliveryArea::RadiusM(radius_m.clamp(100, 15_000));
    }
    if let Some(min_order) = amount(&fields.min_order)? {
        delivery.fee_ladder = vec![FeeRung {
            order_at_least: min_order.clone(),
            fee: delivery.fee_ladder.first().map_or_else(|| min_order.clone(), |rung| rung.fee.clone()),
        }];
        delivery.min_order = min_order;
    }
    if let Some(fee) = amount(&fields.fee)? {
        delivery.fee_ladder = vec![FeeRung { order_at_least: delivery.min_order.clone(), fee }];
    }
    // Checked to be 0..=1e6 above; more than a day is cut to one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let minutes = |number: f64| number.min(1_440.0) as u16;
    if let Some(from) = number(&fields.eta_from, "shortest time")? {
        delivery.eta_minutes.from = minutes(from);
    }
    if let Some(to) = number(&fields.eta_to, "longest time")? {
        delivery.eta_minutes.to = minutes(to);
    }
    delivery.eta_minutes.to = delivery.eta_minutes.to.max(delivery.eta_minutes.from);
    Ok(())
}

#[cfg(test)]
mod tests;
