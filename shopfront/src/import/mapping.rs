//! A mapping: how a data set never seen becomes shops. `docs/IMPORT.md` is its reference.

use std::collections::BTreeSet;

use super::path::Path;
use super::value::Value;

/// Everything the import knows about a data set.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// With the key: who a shop is. Two sources never collide.
    pub source: String,
    /// The shop's key within the source.
    pub key: Value,
    /// Whom to thank.
    pub credit: Option<String>,
    /// How to read the files.
    pub input: Input,
    /// Rows for which one of these is wrong are left out.
    pub filters: Vec<Filter>,
    /// The fields.
    pub shop: ShopFields,
    /// Parts that come from the generator when the row has none.
    pub generate: BTreeSet<Part>,
}

/// How to read the files.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// By default what the file's name says.
    pub format: Option<Format>,
    /// By default whether the name ends in `.gz`.
    pub gzip: Option<bool>,
    /// By default UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Between the cells of a table.
    pub delimiter: Option<u8>,
    /// Where in a JSON object the list of rows stands.
    pub rows: Option<Path>,
    /// Texts that mean "nothing".
    pub empty: Vec<String>,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table with a header line.
    Csv,
    /// A list of objects, possibly inside an object.
    Json,
    /// An object per line.
    JsonLines,
    /// A `FeatureCollection`.
    GeoJson,
}

/// Which rows to take.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Looks at this.
    pub field: Value,
    /// One of these; empty: anything at all.
    pub wanted: Vec<String>,
    /// Take the rows for which it is true, or those for which it is not.
    pub keep: bool,
}

/// Parts of a shop that the generator can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A cuisine as one more category.
    Categories,
    /// Things to eat.
    Menu,
    /// Weekly hours.
    OpeningHours,
    /// Area, fees, minimum order, time.
    Delivery,
    /// Campaigns, for `--ads`.
    Ads,
    /// Counts and texts, for `--reviews`.
    Reviews,
}

/// The recipe of every field.
#[derive(Clone, Debug)]
pub struct ShopFields {
    /// See `ShopFacts::name`.
    pub name: Value,
    /// Two numbers.
    pub location: LocationFields,
    /// IANA name.
    pub time_zone: Value,
    /// ISO 4217.
    pub currency: String,
    /// One line.
    pub address: Option<Value>,
    /// The first is the main one.
    pub categories: Option<Value>,
    /// For people.
    pub phone: Option<Value>,
    /// A small picture.
    pub thumbnail_url: Option<Value>,
    /// For everybody to read.
    pub notices: Option<Value>,
    /// In the notation of OpenStreetMap.
    pub opening_hours: Option<Value>,
    /// Names of parts that this row's data does not really have.
    pub generated: Option<Value>,
    /// Numbers of delivery.
    pub delivery: Option<DeliveryFields>,
    /// Things to eat.
    pub menu: Vec<MenuFields>,
}

/// Where the two numbers stand.
#[derive(Clone, Debug)]
pub enum LocationFields {
    /// In two places.
    Apart {
        /// Latitude.
        lat: Box<Value>,
        /// Longitude.
        lng: Box<Value>,
    },
    /// In one place, as a list or as text.
    Pair {
        /// Where.
        pair: Path,
        /// Longitude first, as in GeoJSON.
        lng_first: bool,
    },
}

/// All in major units, metres, minutes; what is missing is generated or an everyday value.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFields {
    /// Of a circle.
    pub radius_m: Option<Value>,
    /// For every order.
    pub fee: Option<Value>,
    /// The least that can be ordered.
    pub min_order: Option<Value>,
    /// At best.
    pub eta_from: Option<Value>,
    /// At worst.
    pub eta_to: Option<Value>,
}

/// One item, or one per element of a list.
#[derive(Clone, Debug)]
pub struct MenuFields {
    /// Paths below start at each element of this list.
    pub each: Option<Path>,
    /// Items without a name are left out.
    pub name: Value,
    /// In major units.
    pub price: Value,
    /// By default "Menu".
    pub group: Option<Value>,
    /// What is in it.
    pub description: Option<Value>,
}

impl Mapping {
    /// All paths that start at the row: the columns of a table.
    #[must_use]
    pub fn columns(&self) -> Vec<&Path> {
        let shop = &self.shop;
        let delivery = shop.delivery.as_ref();
        let optional = [
            &shop.address,
            &shop.categories,
            &shop.phone,
            &shop.thumbnail_url,
            &shop.notices,
            &shop.opening_hours,
            &shop.generated,
        ];
        let numbers = delivery.into_iter().flat_map(|delivery| {
            [&delivery.radius_m, &delivery.fee, &delivery.min_order, &delivery.eta_from, &delivery.eta_to]
        });
        let items = shop.menu.iter().filter(|item| item.each.is_none());
        let items = items.flat_map(|item| {
            [Some(&item.name), Some(&item.price), item.group.as_ref(), item.description.as_ref()]
                .into_iter()
                .flatten()
        });
        let mut paths: Vec<&Path> = [&self.key, &shop.name, &shop.time_zone]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .chain(numbers.flatten())
            .chain(items)
            .chain(self.filters.iter().map(|filter| &filter.field))
            .flat_map(Value::paths)
            .collect();
        match &shop.location {
            LocationFields::Apart { lat, lng } => paths.extend(lat.paths().into_iter().chain(lng.paths())),
            LocationFields::Pair { pair, .. } => paths.push(pair),
        }
        paths.extend(shop.menu.iter().filter_map(|item| item.each.as_ref()));
        paths
    }
}
