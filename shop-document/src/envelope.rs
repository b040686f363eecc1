//! Eighty bytes before each archive: what it is, of which schema, how new, and a checksum over all of it.
//!
//! FORMAT.md tells the layout byte by byte.

use bytes::Bytes;
use shop_id::{Revision, ShopId, Writer};
use xxhash_rust::xxh3::Xxh3Default;

use crate::SCHEMA_VERSION;

/// Bytes before the archive.
pub const ENVELOPE_BYTES: usize = 80;
const MAGIC: &[u8; 4] = b"SHPF";
const CHECKSUM: std::ops::Range<usize> = 24..32;
const SECTIONS: usize = 32;
const SECTION_BYTES: usize = 16;

/// Which of the two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// Read by lists and batches.
    List = 1,
    /// Read by the detail request.
    Detail = 2,
}

/// What is known of one writer's section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SectionState {
    /// Never heard.
    Unheard = 0,
    /// The writer has nothing.
    Nothing = 1,
    /// It is in the archive.
    Present = 2,
    /// Closed for good.
    Gone = 3,
}

impl SectionState {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Unheard),
            1 => Some(Self::Nothing),
            2 => Some(Self::Present),
            3 => Some(Self::Gone),
            _ => None,
        }
    }
}

/// Bytes that are no document of ours. Never transient: the audit refetches that shop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreadable document part: {reason}")]
pub struct Unreadable {
    /// What was found and what was expected.
    pub reason: String,
}

impl Unreadable {
    fn because<T>(reason: String) -> Result<T, Self> {
        Err(Self { reason })
    }
}

/// The envelope, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Which of the two values.
    pub part: Part,
    /// Whose.
    pub shop_id: ShopId,
    /// In the order of `Writer::OF_THE_DOCUMENT`.
    pub sections: [(SectionState, Revision); 3],
}

impl Envelope {
    /// A writer's entry; `Unheard` for writers that have no part in the document.
    #[must_use]
    pub fn section(&self, writer: Writer) -> (SectionState, Revision) {
        let place = Writer::OF_THE_DOCUMENT.iter().position(|known| *known == writer);
        place.map_or((SectionState::Unheard, Revision::ZERO), |place| self.sections[place])
    }

    /// The archive behind its envelope.
    #[must_use]
    pub fn seal(&self, archive: &[u8]) -> Bytes {
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + archive.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&SCHEMA_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[self.part as u8, 0]);
        bytes.extend_from_slice(&u32::try_from(archive.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.shop_id.get().to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        for (writer, (state, revision)) in Writer::OF_THE_DOCUMENT.iter().zip(&self.sections) {
            bytes.extend_from_slice(&[writer.number(), *state as u8, 0, 0]);
            bytes.extend_from_slice(&revision.epoch.to_le_bytes());
            bytes.extend_from_slice(&revision.counter.to_le_bytes());
        }
        bytes.extend_from_slice(archive);
        let checksum = checksum(&bytes);
        bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        Bytes::from(bytes)
    }

    /// Reads what [`Envelope::seal`] wrote; the archive is `bytes[ENVELOPE_BYTES..]`.
    ///
    /// # Errors
    /// Names the first thing that is not as expected.
    pub fn open(bytes: &[u8], expected: Part) -> Result<Self, Unreadable> {
        if bytes.len() < ENVELOPE_BYTES || &bytes[..4] != MAGIC {
            let length = bytes.len();
            return Unreadable::because(format!(
                "`{length}` bytes that do not begin with `SHPF` and an envelope of {ENVELOPE_BYTES}"
            ));
        }
        let schema = u16::from_le_bytes(array(bytes, 4));
        if schema != SCHEMA_VERSION {
            return Unreadable::because(format!(
                "schema version `{schema}`, this build reads {SCHEMA_VERSION}; {}",
                if schema > SCHEMA_VERSION { "upgrade the readers first" } else { "rebuild the store" }
            ));
        }
        let archive_bytes = u32::from_le_bytes(array(bytes, 8)) as usize;
        if bytes.len() != ENVELOPE_BYTES + archive_bytes {
            let found = bytes.len() - ENVELOPE_BYTES;
            return Unreadable::because(format!("an archive of `{found}` bytes, expected {archive_bytes}"));
        }
        let (found, expected_sum) = (u64::from_le_bytes(array(bytes, CHECKSUM.start)), checksum(bytes));
        if found != expected_sum {
            return Unreadable::because(format!("checksum `{found:016x}`, expected {expected_sum:016x}"));
        }
        Self::parse(bytes, expected)
    }

    /// Of bytes whose checksum holds.
    pub(crate) fn parse(bytes: &[u8], expected: Part) -> Result<Self, Unreadable> {
        if bytes[6] != expected as u8 {
            let expected = expected as u8;
            return Unreadable::because(format!("part `{}`, expected {expected}", bytes[6]));
        }
        let Some(shop_id) = ShopId::new(u64::from_le_bytes(array(bytes, 16))) else {
            return Unreadable::because("shop ID `0`".to_owned());
        };
        let mut sections = [(SectionState::Unheard, Revision::ZERO); 3];
        for (place, section) in sections.iter_mut().enumerate() {
            let at = SECTIONS + place * SECTION_BYTES;
            let expected = Writer::OF_THE_DOCUMENT[place].number();
            if bytes[at] != expected {
                return Unreadable::because(format!(
                    "section of writer `{}`, expected {expected}",
                    bytes[at]
                ));
            }
            let Some(state) = SectionState::from_number(bytes[at + 1]) else {
                return Unreadable::because(format!("section state `{}`", bytes[at + 1]));
            };
            let (epoch, counter) = (array(bytes, at + 4), array(bytes, at + 8));
            *section = (state, Revision::new(u32::from_le_bytes(epoch), u64::from_le_bytes(counter)));
        }
        Ok(Self { part: expected, shop_id, sections })
    }
}

/// `N` bytes from `at` on; callers have compared the length with that of an envelope.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// Over everything but itself.
fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(&bytes[..CHECKSUM.start]);
    hash.update(&bytes[CHECKSUM.end..]);
    hash.digest()
}
