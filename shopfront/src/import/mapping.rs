//! A mapping: how a data set never seen becomes shops. `docs/IMPORT.md` is its reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;
use std::sync::Arc;

use toml::de::DeTable;

use super::path::Path;
use super::toml_keys::{MappingError, Node, Section, Source};
use super::value::{Origin, Piece, Table, Value};

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

const FORMATS: [(&str, Format); 4] = [
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("json_lines", Format::JsonLines),
    ("geojson", Format::GeoJson),
];
const PARTS: [(&str, Part); 7] = [
    ("categories", Part::Categories),
    ("menu", Part::Menu),
    ("opening_hours", Part::OpeningHours),
    ("hours", Part::OpeningHours),
    ("delivery", Part::Delivery),
    ("ads", Part::Ads),
    ("reviews", Part::Reviews),
];

type Tables = BTreeMap<String, Arc<Table>>;

impl Mapping {
    /// Reads a mapping; `file` is named in refusals.
    ///
    /// # Errors
    /// File, line, what was given and what was expected.
    pub fn parse(file: &FilePath, text: &str) -> Result<Self, MappingError> {
        let source = Source { file, text };
        let document = DeTable::parse(text).map_err(|error| {
            source.refuse(error.span().map_or(0, |span| span.start), error.message().to_owned())
        })?;
        let root = Section::root(
            source,
            &document,
            &["source", "input", "only", "skip", "generate", "shop", "tables"],
        )?;
        let mut tables = Tables::new();
        if let Some(all) = root.get("tables") {
            for (name, node) in all.entries()? {
                tables.insert(name, Arc::new(parse_table(&node)?));
            }
        }
        let reader = Reader { tables: &tables };
        let identity = root.require("source", "a table `[source]`")?.section(&["name", "key", "credit"])?;
        let name = identity.require("name", "a word, for example `my-city-cafes`")?;
        if name.text()?.trim().is_empty() {
            return Err(name.refuse("`name` is empty, expected a word that no other data set uses"));
        }
        let mut filters = reader.filters(&root, "only", true)?;
        filters.extend(reader.filters(&root, "skip", false)?);
        let input = root.get("input").map(|node| parse_input(&node)).transpose()?.unwrap_or_default();
        let generate =
            root.get("generate").map(|node| parse_generate(&node)).transpose()?.unwrap_or_default();
        let shop = reader.shop(&root.require("shop", "a table `[shop]`")?, &input)?;
        if shop.delivery.is_none() && !generate.contains(&Part::Delivery) {
            let reason =
                "nothing says how the shops deliver: add `[shop.delivery]`, or `\"delivery\"` to `generate`";
            return Err(root.refuse(reason));
        }
        Ok(Self {
            source: name.text()?.to_owned(),
            key: reader.value(&identity.require("key", "the path of a unique key")?)?,
            credit: identity.get("credit").map(|node| node.text().map(str::to_owned)).transpose()?,
            input,
            filters,
            shop,
            generate,
        })
    }
}

fn parse_input(node: &Node<'_>) -> Result<Input, MappingError> {
    let section = node.section(&["format", "gzip", "encoding", "delimiter", "rows", "empty"])?;
    let mut input = Input::default();
    if let Some(node) = section.get("format") {
        let chosen = node.choice(&FORMATS.map(|(name, _)| name))?;
        input.format = FORMATS.iter().find(|(name, _)| *name == chosen).map(|(_, format)| *format);
    }
    input.gzip = section.get("gzip").map(|node| node.boolean()).transpose()?;
    if let Some(node) = section.get("encoding") {
        let label = node.text()?;
        // The encodings of the web have no label `cp949`; its bytes are those of windows-949, which EUC-KR means there.
        let label = if label.eq_ignore_ascii_case("cp949") { "windows-949" } else { label };
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes());
        input.encoding = Some(encoding.ok_or_else(|| {
            node.refuse(format!(
                "`encoding` is `{label}`, expected a name such as `utf-8`, `cp949`, `euc-kr`, `shift_jis`, `windows-1252`, `utf-16le`"
            ))
        })?);
    }
    if let Some(node) = section.get("delimiter") {
        input.delimiter = match node.text()?.as_bytes() {
            [one] => Some(*one),
            _ => return Err(node.refuse("`delimiter` is one ASCII character, for example `;` or `\\t`")),
        };
    }
    input.rows = section.get("rows").map(|node| parse_path(&node)).transpose()?;
    input.empty = section.get("empty").map(|node| node.scalars()).transpose()?.unwrap_or_default();
    Ok(input)
}

fn parse_generate(node: &Node<'_>) -> Result<BTreeSet<Part>, MappingError> {
    let mut parts = BTreeSet::new();
    for item in node.list()? {
        let chosen = item.choice(&PARTS.map(|(name, _)| name))?;
        parts.extend(PARTS.iter().find(|(name, _)| *name == chosen).map(|(_, part)| *part));
    }
    Ok(parts)
}

fn parse_path(node: &Node<'_>) -> Result<Path, MappingError> {
    Path::parse(node.text()?).map_err(|reason| node.refuse(reason))
}

fn parse_table(node: &Node<'_>) -> Result<Table, MappingError> {
    let entries = node.entries()?.into_iter().map(|(key, node)| Ok((key, node.scalars()?)));
    Ok(Table(entries.collect::<Result<_, MappingError>>()?))
}

fn parse_template(node: &Node<'_>) -> Result<Vec<Piece>, MappingError> {
    let (mut pieces, mut rest) = (Vec::new(), node.text()?);
    while let Some((before, after)) = rest.split_once('{') {
        let (path, behind) =
            after.split_once('}').ok_or_else(|| node.refuse("template has `{` without `}`"))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Path(Path::parse(path).map_err(|reason| node.refuse(reason))?));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

struct Reader<'t> {
    tables: &'t Tables,
}

impl Reader<'_> {
    /// A path, a list of values, or a table that says more.
    fn value(&self, node: &Node<'_>) -> Result<Value, MappingError> {
        if node.is_list() {
            return Ok(Value::plain(Origin::AllOf(self.values(node)?)));
        }
        if !node.is_table() {
            return Ok(Value::path(parse_path(node)?));
        }
        let keys = [
            "path",
            "constant",
            "template",
            "first_of",
            "all_of",
            "join",
            "separator",
            "split",
            "table",
            "words",
            "default",
        ];
        let section = node.section(&keys)?;
        let origins: Vec<Node<'_>> = keys[..6].iter().filter_map(|key| section.get(key)).collect();
        let [_] = origins.as_slice() else {
            return Err(node.refuse(format!(
                "{} of `path`, `constant`, `template`, `first_of`, `all_of`, `join` are given, expected exactly one",
                origins.len()
            )));
        };
        Ok(Value {
            origin: self.origin(&section)?,
            split: section.get("split").map(|node| node.text().map(str::to_owned)).transpose()?,
            table: section.get("table").map(|node| self.table(&node)).transpose()?,
            words: section
                .get("words")
                .map(|node| self.table(&node))
                .transpose()?
                .map(|words| lower_case(&words)),
            default: section.get("default").map(|node| node.scalars()).transpose()?,
        })
    }

    fn origin(&self, section: &Section<'_>) -> Result<Origin, MappingError> {
        if let Some(node) = section.get("path") {
            return Ok(Origin::Path(parse_path(&node)?));
        }
        if let Some(node) = section.get("constant") {
            return Ok(Origin::Constant(node.scalars()?));
        }
        if let Some(node) = section.get("template") {
            return Ok(Origin::Template(parse_template(&node)?));
        }
        if let Some(node) = section.get("first_of") {
            return Ok(Origin::FirstOf(self.values(&node)?));
        }
        if let Some(node) = section.get("all_of") {
            return Ok(Origin::AllOf(self.values(&node)?));
        }
        let node = section.require("join", "a list of values")?;
        let separator = section.get("separator").map(|node| node.text()).transpose()?.unwrap_or(", ");
        Ok(Origin::Joined(self.values(&node)?, separator.to_owned()))
    }

    fn values(&self, node: &Node<'_>) -> Result<Vec<Value>, MappingError> {
        node.list()?.iter().map(|node| self.value(node)).collect()
    }

    /// Written here, or the name of one under `[tables]`.
    fn table(&self, node: &Node<'_>) -> Result<Arc<Table>, MappingError> {
        if node.is_table() {
            return Ok(Arc::new(parse_table(node)?));
        }
        let names: Vec<&str> = self.tables.keys().map(String::as_str).collect();
        let chosen = node.choice(&names)?;
        self.tables
            .get(chosen)
            .cloned()
            .ok_or_else(|| node.refuse(format!("there is no `[tables.{chosen}]`")))
    }

    fn optional(&self, section: &Section<'_>, key: &str) -> Result<Option<Value>, MappingError> {
        section.get(key).map(|node| self.value(&node)).transpose()
    }

    fn filters(&self, root: &Section<'_>, key: &str, keep: bool) -> Result<Vec<Filter>, MappingError> {
        let Some(node) = root.get(key) else { return Ok(Vec::new()) };
        let nodes = if node.is_list() { node.list()? } else { vec![node] };
        let filter = |node: &Node<'_>| {
            let section = node.section(&["field", "in", "present"])?;
            let field = self.value(&section.require("field", "the path of what decides")?)?;
            let wanted = match (section.get("in"), section.get("present")) {
                (Some(list), None) => list.scalars()?,
                (None, Some(present)) if present.boolean()? => Vec::new(),
                _ => return Err(node.refuse("expected `in = [\"…\"]` or `present = true` beside `field`")),
            };
            Ok(Filter { field, wanted, keep })
        };
        nodes.iter().map(filter).collect()
    }

    fn shop(&self, node: &Node<'_>, input: &Input) -> Result<ShopFields, MappingError> {
        let section = node.section(&[
            "name",
            "location",
            "time_zone",
            "currency",
            "address",
            "categories",
            "phone",
            "thumbnail_url",
            "notices",
            "opening_hours",
            "generated",
            "delivery",
            "menu",
        ])?;
        let location = match section.get("location") {
            Some(node) => self.location(&node)?,
            None if input.format == Some(Format::GeoJson) => geometry(),
            None => {
                let expected = "`{ lat = \"…\", lng = \"…\" }` or `{ pair = \"…\", order = \"lat,lng\" }`";
                return Err(section.refuse(format!("`location` is missing, expected {expected}")));
            }
        };
        let currency = section.require("currency", "an ISO 4217 code, for example `GBP`")?;
        if !(currency.text()?.len() == 3 && currency.text()?.bytes().all(|byte| byte.is_ascii_uppercase())) {
            return Err(currency.refuse(format!(
                "`currency` is `{}`, expected three capitals, for example `GBP`",
                currency.text()?
            )));
        }
        let menu = match section.get("menu") {
            None => Vec::new(),
            Some(node) if node.is_list() => {
                node.list()?.iter().map(|node| self.menu(node)).collect::<Result<_, _>>()?
            }
            Some(node) => vec![self.menu(&node)?],
        };
        Ok(ShopFields {
            name: self.value(&section.require("name", "the path of the shop's name")?)?,
            location,
            time_zone: self
                .value(&section.require("time_zone", "for example `{ constant = \"Europe/London\" }`")?)?,
            currency: currency.text()?.to_owned(),
            address: self.optional(&section, "address")?,
            categories: self.optional(&section, "categories")?,
            phone: self.optional(&section, "phone")?,
            thumbnail_url: self.optional(&section, "thumbnail_url")?,
            notices: self.optional(&section, "notices")?,
            opening_hours: self.optional(&section, "opening_hours")?,
            generated: self.optional(&section, "generated")?,
            delivery: section.get("delivery").map(|node| self.delivery(&node)).transpose()?,
            menu,
        })
    }

    fn location(&self, node: &Node<'_>) -> Result<LocationFields, MappingError> {
        let section = node.section(&["lat", "lng", "pair", "order"])?;
        if let Some(pair) = section.get("pair") {
            let order = section
                .require("order", "`\"lat,lng\"` or `\"lng,lat\"`")?
                .choice(&["lat,lng", "lng,lat"])?;
            return Ok(LocationFields::Pair { pair: parse_path(&pair)?, lng_first: order == "lng,lat" });
        }
        let lat = self.value(&section.require("lat", "the path of the latitude")?)?;
        let lng = self.value(&section.require("lng", "the path of the longitude")?)?;
        Ok(LocationFields::Apart { lat: Box::new(lat), lng: Box::new(lng) })
    }

    fn delivery(&self, node: &Node<'_>) -> Result<DeliveryFields, MappingError> {
        let section =
            node.section(&["radius_m", "fee", "min_order", "eta_from_minutes", "eta_to_minutes"])?;
        Ok(DeliveryFields {
            radius_m: self.optional(&section, "radius_m")?,
            fee: self.optional(&section, "fee")?,
            min_order: self.optional(&section, "min_order")?,
            eta_from: self.optional(&section, "eta_from_minutes")?,
            eta_to: self.optional(&section, "eta_to_minutes")?,
        })
    }

    fn menu(&self, node: &Node<'_>) -> Result<MenuFields, MappingError> {
        let section = node.section(&["each", "name", "price", "group", "description"])?;
        Ok(MenuFields {
            each: section.get("each").map(|node| parse_path(&node)).transpose()?,
            name: self.value(&section.require("name", "the path of the item's name")?)?,
            price: self.value(&section.require("price", "the path of the item's price")?)?,
            group: self.optional(&section, "group")?,
            description: self.optional(&section, "description")?,
        })
    }
}

fn lower_case(words: &Table) -> Arc<Table> {
    Arc::new(Table(words.0.iter().map(|(word, values)| (word.to_lowercase(), values.clone())).collect()))
}

/// Where GeoJSON keeps a point.
fn geometry() -> LocationFields {
    LocationFields::Pair { pair: Path::of_keys(&["geometry", "coordinates"]), lng_first: true }
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
