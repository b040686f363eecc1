//! What changed-since and a full resync want refetched.

use shop_id::{Revision, ShopId};
use tokio::sync::oneshot;

use crate::Priority;

/// One wish for the coalescer.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// The writer said that these changed; the commits up to which saves must reach.
    Changed(Vec<(ShopId, Revision)>, Priority),
    /// A page that could not be saved; its shops, and the commits that they must cover.
    Again(Vec<(ShopId, Revision)>, oneshot::Sender<()>),
    /// The store may have lost saves: nothing that was saved before counts.
    Forget,
}
