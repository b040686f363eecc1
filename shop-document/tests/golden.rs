//! Bytes that stores hold: what a build of this schema version wrote, every later one reads.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use expect_test::expect;
use shop_document::{CardOverlay, DetailPart, ListPart, SCHEMA_VERSION, ShopDocument, Zones};

mod shops;

fn golden(version: u16, name: &str, part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/v{version}/{name}.{part}"))
}

fn committed(path: &Path) -> Bytes {
    Bytes::from(std::fs::read(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; a new schema version has no golden bytes yet: write them with \
             `GOLDEN=write cargo test -p shop-document --test golden` and commit them",
            path.display()
        )
    }))
}

fn committed_document(version: u16, name: &str) -> ShopDocument {
    ShopDocument {
        list: ListPart::validate(committed(&golden(version, name, "list"))).unwrap(),
        detail: DetailPart::validate(committed(&golden(version, name, "detail"))).unwrap(),
    }
}

/// The versions that this build promises to read: its own and the one before.
fn versions() -> impl Iterator<Item = u16> {
    SCHEMA_VERSION.saturating_sub(1).max(1)..=SCHEMA_VERSION
}

#[test]
fn committed_bytes_still_mean_the_same_shops() {
    for version in versions() {
        for name in shops::NAMES {
            let document = committed_document(version, name);
            assert_eq!(document.shop_id(), shops::shop_id(), "{name}, version {version}");
            assert_eq!(document.sections(), shops::named(name), "{name}, version {version}");
        }
    }
}

#[test]
fn shops_are_written_as_the_committed_bytes() {
    for name in shops::NAMES {
        let document = shops::document(&shops::named(name));
        for (part, written) in [("list", document.list.bytes()), ("detail", document.detail.bytes())] {
            let path = golden(SCHEMA_VERSION, name, part);
            if std::env::var("GOLDEN").is_ok_and(|asked| asked == "write") && !path.exists() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, written).unwrap();
            }
            let differs = committed(&path).iter().zip(written).position(|(held, new)| held != new);
            assert!(
                differs.is_none() && committed(&path).len() == written.len(),
                "{} is written otherwise from byte {} on: stores are full of the committed bytes. Raise \
                 `SCHEMA_VERSION`, keep `golden/v{SCHEMA_VERSION}` as it is, teach the reader both versions \
                 (FORMAT.md, \"Raising the schema version\"), then write the new golden bytes with \
                 `GOLDEN=write cargo test -p shop-document --test golden`",
                path.display(),
                differs.unwrap_or_else(|| committed(&path).len().min(written.len()))
            );
        }
    }
}

#[test]
fn the_committed_card_and_detail_are_filled_as_ever() {
    let now = "2026-11-23T17:30:00Z".parse().unwrap();
    for version in versions() {
        let document = committed_document(version, "rich");
        let state = document.list.state_at(now, Zones);
        let ad = document.list.ad_at(now);
        let overlay =
            CardOverlay { distance_m: Some(742), state: &state, ad_label: ad.map(|ad| ad.label.as_str()) };
        let mut card = Vec::new();
        document.list.write_card(&mut card, &overlay);
        expect![[r#"{"id":"72623859790382856","name":"Da Noi \"Napoli\" 🍕","categories":["pizza","vegetarian_and_vegan"],"rating":4.5,"review_count":442,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":742   ,"ad_label":"2 for 1 \"tonight\"","promotions":[]}"#]]
            .assert_eq(std::str::from_utf8(&card).unwrap());
        let mut detail = Vec::new();
        document.detail.write_detail(&mut detail, now, &state);
        expect![[r#"{"id":"72623859790382856","name":"Da Noi \"Napoli\" 🍕","categories":["pizza","vegetarian_and_vegan"],"rating":4.5,"review_count":442,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":null  ,"ad_label":"2 for 1 \"tonight\"","promotions":[],"address":"1 Buckingham Gate","menus":[{"name":"Pizza","items":[]}],"reviews":{"by_stars":[3,1,14,159,265],"latest":[{"stars":5,"text":"Crisp","at":"2026-11-22T19:00:00Z"}]}}"#]].assert_eq(std::str::from_utf8(&detail).unwrap());
    }
}
