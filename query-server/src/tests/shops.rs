//! Made-up shops, and a server that reads them from memory.

use document_store::conformance::shop_section;
use shop_document::{Held, Sections, ShopDocument};
use shop_id::{Revision, ShopId};

/// The cell that all shops here are listed in: the middle of London.
pub(crate) const CELL: &str = "88195da49bfffff";

pub(crate) fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

/// A shop that is open at all hours, at a revision of its writer.
pub(crate) fn sections(name: &str, counter: u64) -> Sections {
    shop_section(counter, name, &[u64::from_str_radix(CELL, 16).unwrap()])
}

/// Opens only then.
pub(crate) fn open_minutes(sections: &mut Sections, open: Vec<(u16, u16)>) {
    if let Held::Present(_, section) = &mut sections.shop {
        section.times.open_minutes = open;
    }
}

pub(crate) fn document(number: u64, sections: &Sections) -> ShopDocument {
    ShopDocument::assemble(id(number), sections)
}

pub(crate) fn revision(counter: u64) -> Revision {
    Revision::new(1, counter)
}
