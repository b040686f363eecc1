//! One shop as the store holds it: what each writer's section is, since when, and what readers make of it now.
//!
//! In: a store's directory, a shop ID. Out: facts, for people or as JSON. It reads beside the running programs
//! and never writes.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use document_store::{
    ChangeLog, DocumentReader, Identity, Lookup, Position, SelectedReader, StoreAddress, StoreError, Stored,
    WriterContact,
};
use jiff::Timestamp;
use serde::Serialize;
use shop_document::envelope::SectionState;
use shop_document::{DetailPart, ListPart, SCHEMA_VERSION, Zones};
use shop_id::{ShopId, Writer};

use crate::say::Say;

/// Saves that are shown; the log keeps a day at most.
const SAVES_SHOWN_MAX: usize = 10;
/// Log entries of one read.
const PAGE_ENTRIES: usize = 10_000;

/// The stored document of one shop, section by section.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// Of the shop
    #[arg(value_name = "ID")]
    pub shop_id: ShopId,
    /// The document store: a directory, or an address as configurations have it
    #[arg(long, value_name = "STORE", default_value = "demo-data/store", value_parser = StoreAddress::parse)]
    pub store: StoreAddress,
    /// A file that holds the password of the store's user
    #[arg(long, value_name = "FILE")]
    pub store_password_file: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Inspection {
    shop_id: ShopId,
    /// `found`, `tombstone`, `unknown`, `unreadable`.
    document: &'static str,
    /// What that means, or what is wrong.
    explanation: String,
    activation: u32,
    shard: u16,
    store_complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_part: Option<PartFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail_part: Option<PartFacts>,
    sections: Vec<SectionFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<NowFacts>,
    /// Newest last; empty when the log no longer reaches back.
    saves: Vec<SaveFacts>,
}

/// One stored value.
#[derive(Debug, Serialize)]
struct PartFacts {
    schema_version: u16,
    bytes: usize,
    /// Of which are rendered JSON.
    rendered_bytes: usize,
    #[serde(serialize_with = "as_text")]
    position: Position,
}

/// One writer's part.
#[derive(Debug, Serialize)]
struct SectionFacts {
    writer: Writer,
    /// `present`, `nothing`, `gone`, `unheard`; `null` without a document.
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// When the invalidator last heard from this writer about anything.
    writer_heard_at: Option<Timestamp>,
}

/// What a reader answers at this moment.
#[derive(Debug, Serialize)]
struct NowFacts {
    at: Timestamp,
    state: &'static str,
    next_change_at: Option<Timestamp>,
    ad_label: Option<String>,
    lat: f64,
    lng: f64,
    categories: Vec<String>,
    cells: Vec<String>,
    stars: [u32; 5],
    card: Box<serde_json::value::RawValue>,
}

/// One entry of the change log.
#[derive(Clone, Debug, Serialize)]
struct SaveFacts {
    #[serde(serialize_with = "as_text")]
    position: Position,
    saved_at: Timestamp,
    cells_before: usize,
    cells_after: usize,
}

fn as_text<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{}-{}", position.activation, position.sequence))
}

/// Looks, and says what there is. `true`: a document is there, whole.
///
/// # Errors
/// The store cannot be opened.
pub async fn inspect(options: &InspectOptions, say: &Say) -> anyhow::Result<bool> {
    let address = options.store.clone().with_password_file(options.store_password_file.as_deref())?;
    let store = SelectedReader::open(&address).await?;
    let inspection = look(&store, options.shop_id, Timestamp::now()).await?;
    if options.json {
        say.result(&serde_json::to_string_pretty(&inspection)?);
    } else {
        say.result(&text(&inspection));
    }
    Ok(matches!(inspection.document, "found" | "tombstone"))
}

async fn look(
    store: &(impl DocumentReader + ChangeLog),
    shop_id: ShopId,
    now: Timestamp,
) -> anyhow::Result<Inspection> {
    let identity = store.identity().await?;
    let contacts = store.writer_contacts().await?;
    let list = store.gather(&[shop_id]).await.pop().unwrap_or(Ok(Lookup::Unknown));
    let detail = store.detail(shop_id).await;
    let (document, explanation) = judge(&list, &detail, identity);
    let list = list.ok().and_then(stored);
    let detail = detail.ok().and_then(stored);
    let shard = shard_of(shop_id, identity);
    Ok(Inspection {
        shop_id,
        document,
        explanation,
        activation: identity.activation,
        shard,
        store_complete: identity.complete,
        list_part: list.as_ref().map(|stored| PartFacts {
            schema_version: SCHEMA_VERSION,
            bytes: stored.part.bytes().len(),
            rendered_bytes: stored.part.card_bytes(),
            position: stored.position,
        }),
        detail_part: detail.as_ref().map(|stored| PartFacts {
            schema_version: SCHEMA_VERSION,
            bytes: stored.part.bytes().len(),
            rendered_bytes: stored.part.flat().detail.len(),
            position: stored.position,
        }),
        sections: contacts.iter().map(|contact| section(contact, list.as_ref())).collect(),
        now: list
            .as_ref()
            .filter(|stored| stored.part.is_visible())
            .and_then(|stored| facts_now(&stored.part, now)),
        saves: saves(store, shop_id, shard, identity).await?,
    })
}

fn stored<T>(lookup: Lookup<T>) -> Option<Stored<T>> {
    match lookup {
        Lookup::Found(stored) | Lookup::Tombstone(stored) => Some(stored),
        Lookup::Unknown => None,
    }
}

fn shard_of(shop_id: ShopId, identity: Identity) -> u16 {
    // A remainder of a u16 is a u16.
    u16::try_from(shop_id.get() % u64::from(identity.shards.max(1))).unwrap_or(0)
}

fn judge(
    list: &Result<Lookup<ListPart>, StoreError>,
    detail: &Result<Lookup<DetailPart>, StoreError>,
    identity: Identity,
) -> (&'static str, String) {
    match (list, detail) {
        (Err(error), _) => ("unreadable", format!("list part: {error}; the audit refetches it")),
        (_, Err(error)) => ("unreadable", format!("detail part: {error}; the audit refetches it")),
        (Ok(Lookup::Found(_)), _) => ("found", "visible to people".to_owned()),
        (Ok(Lookup::Tombstone(_)), _) => {
            ("tombstone", "closed for good by the shop writer; revisions stay".to_owned())
        }
        (Ok(Lookup::Unknown), _) if identity.complete => {
            ("unknown", "never announced by the shop writer (or only other writers know it)".to_owned())
        }
        (Ok(Lookup::Unknown), _) => (
            "unknown",
            "not stored, and the store is not complete yet: a full resync has not finished".to_owned(),
        ),
    }
}

fn section(contact: &WriterContact, list: Option<&Stored<ListPart>>) -> SectionFacts {
    let held = list.map(|stored| stored.part.envelope().section(contact.writer));
    SectionFacts {
        writer: contact.writer,
        state: held.map(|(state, _)| match state {
            SectionState::Unheard => "unheard",
            SectionState::Nothing => "nothing",
            SectionState::Present => "present",
            SectionState::Gone => "gone",
        }),
        revision: held
            .filter(|(state, _)| *state != SectionState::Unheard)
            .map(|(_, revision)| revision.to_string()),
        writer_heard_at: contact.heard_at,
    }
}

fn facts_now(list: &ListPart, now: Timestamp) -> Option<NowFacts> {
    let state = list.state_at(now, Zones);
    let ad_label = list.ad_at(now).map(|ad| ad.label.as_str().to_owned());
    let mut card = Vec::new();
    let overlay =
        shop_document::CardOverlay { distance_m: None, state: &state, ad_label: ad_label.as_deref() };
    list.write_card(&mut card, &overlay);
    let location = list.location();
    Some(NowFacts {
        at: now,
        state: state.state.name(),
        next_change_at: state.next_change_at,
        lat: location.lat,
        lng: location.lng,
        categories: list.categories().map(str::to_owned).collect(),
        cells: list.cells().map(|cell| format!("{cell:x}")).collect(),
        stars: list.by_stars(),
        // Rendered by us and checked by a checksum: if it is no JSON all the same, the rest still helps.
        card: serde_json::value::RawValue::from_string(String::from_utf8(card).ok()?).ok()?,
        ad_label,
    })
}

/// The newest saves of one shop, as far as the log reaches back.
async fn saves(
    store: &impl ChangeLog,
    shop_id: ShopId,
    shard: u16,
    identity: Identity,
) -> Result<Vec<SaveFacts>, StoreError> {
    let mut after = Position { activation: identity.activation, sequence: 0 };
    let mut found = Vec::new();
    loop {
        let page = match store.read(shard, after, PAGE_ENTRIES).await {
            Ok(page) => page,
            // The beginning is gone: go on where the log begins now.
            Err(StoreError::Trimmed { oldest, .. }) if oldest.sequence > after.sequence + 1 => {
                after = Position { activation: oldest.activation, sequence: oldest.sequence - 1 };
                continue;
            }
            Err(StoreError::Trimmed { .. }) => return Ok(found),
            Err(error) => return Err(error),
        };
        let of_shop = page.entries.iter().filter(|entry| entry.shop_id == shop_id);
        found.extend(of_shop.map(|entry| SaveFacts {
            position: entry.position,
            saved_at: entry.saved_at,
            cells_before: entry.cells_before.len(),
            cells_after: entry.cells_after.len(),
        }));
        let surplus = found.len().saturating_sub(SAVES_SHOWN_MAX);
        found.drain(..surplus);
        if !page.has_more {
            return Ok(found);
        }
        after = page.next;
    }
}

fn text(inspection: &Inspection) -> String {
    let mut out = String::new();
    let Inspection { shop_id, document, explanation, activation, shard, .. } = inspection;
    // Writing to a string cannot fail.
    let mut line = |text: String| writeln!(out, "{text}").unwrap_or_default();
    line(format!("shop {shop_id}: {document} ({explanation})"));
    line(format!("store: activation {activation}, shard {shard}"));
    for (name, part) in [("list part", &inspection.list_part), ("detail part", &inspection.detail_part)] {
        let Some(part) = part else { continue };
        let (bytes, rendered, version, at) =
            (part.bytes, part.rendered_bytes, part.schema_version, part.position.sequence);
        line(format!(
            "{name}: {bytes} bytes, {rendered} of them rendered, schema version {version}, sequence {at}, checksum holds"
        ));
    }
    line("sections:".to_owned());
    for section in &inspection.sections {
        let (state, revision) = (section.state.unwrap_or("-"), section.revision.as_deref().unwrap_or("-"));
        let heard = section.writer_heard_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        line(format!("  {:<8} {state:<8} revision {revision:<10} writer last heard {heard}", section.writer));
    }
    if let Some(now) = &inspection.now {
        let next =
            now.next_change_at.map_or_else(|| "no change ahead".to_owned(), |at| format!("until {at}"));
        line(format!("now: {}, {next}; ad: {}", now.state, now.ad_label.as_deref().unwrap_or("none")));
        line(format!("place: {}, {}; categories: {}", now.lat, now.lng, now.categories.join(", ")));
        line(format!("stars 1 to 5: {:?}", now.stars));
        line(format!("listed in {} cells: {}", now.cells.len(), now.cells.join(" ")));
        line(format!("card: {}", now.card.get()));
    }
    line(format!("saves in the change log ({} at most, oldest first):", SAVES_SHOWN_MAX));
    for save in &inspection.saves {
        let SaveFacts { position, saved_at, cells_before, cells_after } = save;
        line(format!(
            "  sequence {} at {saved_at}, cells {cells_before} -> {cells_after}",
            position.sequence
        ));
    }
    if inspection.saves.is_empty() {
        line("  none".to_owned());
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use document_store::lmdb::{LmdbOptions, LmdbWriter};
    use document_store::{DocumentWriter as _, Projected};
    use shop_document::{Held, Sections, ShopDocument, ShopSection};
    use shop_id::Revision;

    use super::*;

    fn shop(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    async fn save(store: &LmdbWriter, number: u64, shop_section: Held<ShopSection>) {
        let sections =
            Sections { shop: shop_section, ads: Held::Nothing(Revision::new(1, 7)), ..Sections::default() };
        let document = ShopDocument::assemble(shop(number), &sections);
        store.update(shop(number), move |_| Projected::Save(Box::new(document.clone()))).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_open_a_closed_and_an_unknown_shop_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let store = LmdbWriter::open(directory.path(), LmdbOptions::default()).unwrap();
        let section = ShopSection {
            card: r#""name":"Joe's""#.to_owned(),
            detail: r#""menus":[]"#.to_owned(),
            cells: vec![0x881f_1d48_97ff_ffff],
            ..ShopSection::default()
        };
        save(&store, 1, Held::Present(Revision::new(1, 3), section)).await;
        save(&store, 2, Held::Gone(Revision::new(1, 9))).await;

        let open = look(&store, shop(1), Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!((open.document, open.saves.len(), open.saves[0].cells_after), ("found", 1, 1));
        let said: Vec<_> =
            open.sections.iter().map(|section| (section.state, section.revision.as_deref())).collect();
        assert_eq!(
            said,
            [(Some("present"), Some("1-3")), (Some("nothing"), Some("1-7")), (Some("unheard"), None)]
        );
        let card = open.now.as_ref().unwrap().card.get();
        assert!(card.contains("Joe's"), "{card}");
        let said = text(&open);
        assert!(said.contains("shop 1: found") && said.contains("revision 1-3"), "{said}");

        let closed = look(&store, shop(2), Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!((closed.document, closed.sections[0].state), ("tombstone", Some("gone")));
        assert!(closed.now.is_none());

        let unknown = look(&store, shop(3), Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(unknown.document, "unknown");
        assert!(unknown.explanation.contains("not complete yet"), "{}", unknown.explanation);
        store.mark_complete(store.identity().await.unwrap().activation).await.unwrap();
        let unknown = look(&store, shop(3), Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(unknown.explanation.contains("never announced"), "{}", unknown.explanation);
    }

    #[test]
    fn unreadable_bytes_are_said_to_be_so() {
        let corrupt = StoreError::Corrupt { shop_id: shop(1), reason: "checksum".to_owned() };
        let identity = Identity { activation: 1, shards: 1, complete: true };
        let (document, explanation) = judge(&Err(corrupt), &Ok(Lookup::Unknown), identity);
        assert_eq!(document, "unreadable");
        assert!(explanation.contains("checksum"), "{explanation}");
    }
}
