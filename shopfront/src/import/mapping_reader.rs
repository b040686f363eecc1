//! TOML -> [`Mapping`], or a refusal that names file, line, what was given and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;
use std::sync::Arc;

use toml::de::DeTable;

use super::mapping::{
    DeliveryFields, Filter, Format, Input, LocationFields, Mapping, MenuFields, Part, ShopFields,
};
use super::own_values::{self, Kind};
use super::path::Path;
use super::toml_keys::{MappingError, Node, Section, Source};
use super::value::{Origin, Piece, Table, Value};

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
        let reader = Reader { tables: &tables, tables_node: root.get("tables") };
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
    let path = Path::parse(node.text()?).map_err(|reason| node.refuse(reason))?;
    Ok(path.written_at(node.place()))
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
        let path = Path::parse(path).map_err(|reason| node.refuse(reason))?;
        pieces.push(Piece::Path(path.written_at(node.place())));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

struct Reader<'t, 'd> {
    tables: &'t Tables,
    /// As they are written.
    tables_node: Option<Node<'d>>,
}

impl<'d> Reader<'_, 'd> {
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

    /// A value of which the mapping's own part is judged at once.
    fn judged(&self, node: &Node<'d>, key: &str, kind: Kind) -> Result<Value, MappingError> {
        let value = self.value(node)?;
        own_values::check(key, kind, node, self.tables_node.as_ref())?;
        Ok(value)
    }

    fn optional_judged(
        &self,
        section: &Section<'d>,
        key: &str,
        kind: Kind,
    ) -> Result<Option<Value>, MappingError> {
        section.get(key).map(|node| self.judged(&node, key, kind)).transpose()
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

    fn shop(&self, node: &Node<'d>, input: &Input) -> Result<ShopFields, MappingError> {
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
        let currency = own_values::currency(&currency)?;
        let time_zone = section.require("time_zone", "for example `{ constant = \"Europe/London\" }`")?;
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
            time_zone: self.judged(&time_zone, "time_zone", Kind::TimeZone)?,
            currency,
            address: self.optional(&section, "address")?,
            categories: self.optional_judged(&section, "categories", Kind::Category)?,
            phone: self.optional(&section, "phone")?,
            thumbnail_url: self.optional_judged(&section, "thumbnail_url", Kind::Url)?,
            notices: self.optional(&section, "notices")?,
            opening_hours: self.optional_judged(&section, "opening_hours", Kind::Hours)?,
            generated: self.optional(&section, "generated")?,
            delivery: section.get("delivery").map(|node| self.delivery(&node)).transpose()?,
            menu,
        })
    }

    fn location(&self, node: &Node<'d>) -> Result<LocationFields, MappingError> {
        let section = node.section(&["lat", "lng", "pair", "order"])?;
        if let Some(pair) = section.get("pair") {
            let order = section
                .require("order", "`\"lat,lng\"` or `\"lng,lat\"`")?
                .choice(&["lat,lng", "lng,lat"])?;
            return Ok(LocationFields::Pair { pair: parse_path(&pair)?, lng_first: order == "lng,lat" });
        }
        let (lat, lng) = (
            section.require("lat", "the path of the latitude")?,
            section.require("lng", "the path of the longitude")?,
        );
        let lat = self.judged(&lat, "lat", Kind::Degrees(90))?;
        let lng = self.judged(&lng, "lng", Kind::Degrees(180))?;
        Ok(LocationFields::Apart { lat: Box::new(lat), lng: Box::new(lng) })
    }

    fn delivery(&self, node: &Node<'d>) -> Result<DeliveryFields, MappingError> {
        let section =
            node.section(&["radius_m", "fee", "min_order", "eta_from_minutes", "eta_to_minutes"])?;
        Ok(DeliveryFields {
            radius_m: self.optional_judged(&section, "radius_m", Kind::Number)?,
            fee: self.optional_judged(&section, "fee", Kind::Amount)?,
            min_order: self.optional_judged(&section, "min_order", Kind::Amount)?,
            eta_from: self.optional_judged(&section, "eta_from_minutes", Kind::Number)?,
            eta_to: self.optional_judged(&section, "eta_to_minutes", Kind::Number)?,
        })
    }

    fn menu(&self, node: &Node<'d>) -> Result<MenuFields, MappingError> {
        let section = node.section(&["each", "name", "price", "group", "description"])?;
        Ok(MenuFields {
            each: section.get("each").map(|node| parse_path(&node)).transpose()?,
            name: self.value(&section.require("name", "the path of the item's name")?)?,
            price: self.judged(
                &section.require("price", "the path of the item's price")?,
                "price",
                Kind::Amount,
            )?,
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

#[cfg(test)]
mod tests;
