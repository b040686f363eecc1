//! Bytes that are no document of ours: refused, by name, without a panic, whatever they are and wherever they lie.
#![allow(missing_docs, clippy::unwrap_used)]

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use shop_document::envelope::ENVELOPE_BYTES;
use shop_document::{CardOverlay, DetailPart, ListPart, ShopDocument, StateNow, Zones};

mod shops;

/// List and detail parts of all three shops.
fn valid() -> Vec<(Bytes, Bytes)> {
    let both = |name| shops::document(&shops::named(name));
    shops::NAMES
        .map(both)
        .map(|document| (document.list.bytes().clone(), document.detail.bytes().clone()))
        .to_vec()
}

fn refused(bytes: &Bytes) -> [String; 2] {
    let list = ListPart::validate(bytes.clone()).unwrap_err().to_string();
    let detail = DetailPart::validate(bytes.clone()).unwrap_err().to_string();
    [list, detail]
}

/// All that can be asked of a part that was accepted.
fn ask_everything(document: &ShopDocument, now: Timestamp) {
    let (list, detail) = (&document.list, &document.detail);
    let state: StateNow = list.state_at(now, Zones);
    let ad_label = list.ad_at(now).map(|ad| ad.label.as_str());
    let mut out = Vec::new();
    list.write_card(&mut out, &CardOverlay { distance_m: Some(1), state: &state, ad_label });
    detail.write_detail(&mut out, now, &detail.state_at(now, Zones));
    let _ = (list.next_change_after(now, Zones), detail.next_change_after(now, Zones));
    let _ = (list.stars(), list.location(), list.cells().count(), list.categories().count());
    let _ = (list.lowest_fee_amount(), list.min_order_amount(), document.sections());
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (list, detail) in valid() {
        for (part, validate) in [
            (&list, (|bytes| ListPart::validate(bytes).err()) as fn(Bytes) -> Option<_>),
            (&detail, |bytes| DetailPart::validate(bytes).err()),
        ] {
            for bit in 0..part.len() * 8 {
                let mut flipped = part.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(validate(Bytes::from(flipped)).is_some(), "bit {bit} of {} bytes", part.len());
            }
        }
    }
}

#[test]
fn every_truncation_and_every_surplus_is_noticed() {
    for part in valid().into_iter().flat_map(|(list, detail)| [list, detail]) {
        for length in 0..part.len() {
            refused(&part.slice(..length));
        }
        refused(&Bytes::from([part.as_ref(), &[0]].concat()));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let (list, detail) = valid().remove(0);
    let with = |at: usize, byte: u8| {
        let mut bytes = list.to_vec();
        bytes[at] = byte;
        refused(&Bytes::from(bytes))[0].clone()
    };
    let refusal = "unreadable document part: ";
    assert_eq!(
        refused(&list.slice(..79))[0],
        format!("{refusal}`79` bytes that do not begin with `SHPF` and an envelope of 80")
    );
    assert_eq!(
        with(4, 9),
        format!("{refusal}schema version `9`, this build reads 1; upgrade the readers first")
    );
    assert_eq!(with(4, 0), format!("{refusal}schema version `0`, this build reads 1; rebuild the store"));
    assert!(with(ENVELOPE_BYTES, 0xff).starts_with(&format!("{refusal}checksum `")));
    let mixed_up = ListPart::validate(detail).unwrap_err().to_string();
    assert_eq!(mixed_up, format!("{refusal}part `2`, expected 1"));
}

#[test]
fn a_part_is_read_at_any_offset() {
    let now = "2026-11-23T17:30:00Z".parse().unwrap();
    for (list, detail) in valid() {
        for offset in 0..16 {
            let shifted =
                |part: &Bytes| Bytes::from([&vec![0xaa; offset], part.as_ref()].concat()).slice(offset..);
            let document = ShopDocument {
                list: ListPart::validate(shifted(&list)).unwrap(),
                detail: DetailPart::validate(shifted(&detail)).unwrap(),
            };
            ask_everything(&document, now);
            assert_eq!(shops::document(&document.sections()).list.bytes(), &list);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_at_all_are_a_document(bytes: Vec<u8>, begins in any::<bool>()) {
        let bytes = if begins { [b"SHPF\x01\x00\x01\x00".as_slice(), &bytes, &[0; ENVELOPE_BYTES]].concat() } else { bytes };
        refused(&Bytes::from(bytes));
    }

    /// Not even under a checksum that holds: the archive is looked at as well, and what it lets through can be asked.
    #[test]
    fn damage_under_a_valid_checksum_never_panics(
        name in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        whole in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..400)),
        second in 0_i64..4_102_444_800,
    ) {
        let document = shops::document(&shops::named(shops::NAMES[name]));
        let damaged = |bytes: &Bytes| {
            let mut archive = whole.clone().unwrap_or_else(|| bytes[ENVELOPE_BYTES..].to_vec());
            for (place, byte) in changes.iter().filter(|_| !archive.is_empty()).cloned().collect::<Vec<_>>() {
                let place = place.index(archive.len());
                archive[place] = byte;
            }
            archive
        };
        let list = document.list.envelope().seal(&damaged(document.list.bytes()));
        let detail = document.detail.envelope().seal(&damaged(document.detail.bytes()));
        let list = ListPart::validate(list).unwrap_or_else(|_| document.list.clone());
        let detail = DetailPart::validate(detail).unwrap_or_else(|_| document.detail.clone());
        ask_everything(&ShopDocument { list, detail }, Timestamp::from_second(second).unwrap());
    }
}
