//! The road from an answer to a stored document, one promise per file.

mod answers; //    what writers might say
mod any_order; //  every order of answers ends at the newest ones
mod golden; //     what people get to see
mod saving; //     many at once, full disks, complete stores
mod damage; //     stores with broken bytes
mod healing; //    broken documents come back whole
mod end_to_end; // events, writers, store: all together
mod starting; //   what is needed for a start

use std::sync::Arc;

use document_store::{DocumentReader, DocumentWriter, Lookup, Position, Stored};
use prometheus_client::registry::Registry;
use shop_document::{ListPart, ShopDocument};
use shop_id::ShopId;

use crate::heal::{self, Doubted};
use crate::metrics::InvalidatorMetrics;
use crate::save::Saver;

/// As the store would hand it to a projection.
fn found(document: ShopDocument) -> Lookup<ShopDocument> {
    Lookup::Found(Stored { part: document, position: Position::default() })
}

fn metrics() -> InvalidatorMetrics {
    InvalidatorMetrics::register(&mut Registry::default())
}

fn saver<S: DocumentWriter>(store: &Arc<S>) -> (Saver<S>, Vec<Doubted>) {
    let (doubts, doubted) = heal::roads();
    (Saver::new(Arc::clone(store), doubts, metrics()), doubted)
}

/// A shop that must be there, visible or closed for good.
async fn list_of(store: &impl DocumentReader, shop_id: ShopId) -> ListPart {
    match store.gather(&[shop_id]).await.remove(0).unwrap() {
        Lookup::Found(list) | Lookup::Tombstone(list) => list.part,
        Lookup::Unknown => panic!("shop {shop_id} is unknown"),
    }
}
