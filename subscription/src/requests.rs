//! What others may ask a running subscription for: refetches at bulk priority, a full resync.

use shop_id::ShopId;
use tokio::sync::{mpsc, oneshot};

/// Shops handed over at once; more are handed over in turn.
const REQUEST_SHOPS_MAX: usize = 1_000;

/// Asks one writer's subscription. Cloning asks the same one.
#[derive(Clone, Debug)]
pub struct Requests {
    refetch: mpsc::Sender<RefetchRequest>,
    resync: mpsc::Sender<ResyncRequest>,
}

/// The subscription has ended; ask again after the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the subscription has ended; ask again once the program runs again")]
pub struct Ended;

/// Taken up; to be waited for, or dropped if nobody cares when it is done.
#[derive(Debug)]
#[must_use = "nothing is done yet: wait for `done`, or drop it on purpose"]
pub struct Accepted(Vec<oneshot::Receiver<()>>);

impl Accepted {
    /// Waits until the follower has saved all of it.
    ///
    /// # Errors
    /// When the subscription ended before.
    pub async fn done(self) -> Result<(), Ended> {
        for part in self.0 {
            part.await.map_err(|_| Ended)?;
        }
        Ok(())
    }
}

/// Up to [`REQUEST_SHOPS_MAX`] shops.
#[derive(Debug)]
pub(crate) struct RefetchRequest {
    pub(crate) shop_ids: Vec<ShopId>,
    pub(crate) done: oneshot::Sender<()>,
}

#[derive(Debug)]
pub(crate) struct ResyncRequest {
    pub(crate) done: oneshot::Sender<()>,
}

/// The other end.
#[derive(Debug)]
pub(crate) struct Requested {
    pub(crate) refetch: mpsc::Receiver<RefetchRequest>,
    pub(crate) resync: mpsc::Receiver<ResyncRequest>,
}

impl Requests {
    pub(crate) fn channel() -> (Self, Requested) {
        let ((refetch, refetch_asked), (resync, resync_asked)) = (mpsc::channel(1), mpsc::channel(1));
        (Self { refetch, resync }, Requested { refetch: refetch_asked, resync: resync_asked })
    }

    /// Has these shops refetched, and handed to the follower with [`crate::Priority::Bulk`], by a refetch that begins after this call,
    /// whatever is known of them already. Returns once the subscription has taken them up, which it does no faster
    /// than it gets done: a caller with a million shops is slowed down to the writer's pace.
    ///
    /// # Errors
    /// When the subscription has ended.
    pub async fn refetch(&self, shop_ids: &[ShopId]) -> Result<Accepted, Ended> {
        let mut parts = Vec::new();
        for shop_ids in shop_ids.chunks(REQUEST_SHOPS_MAX) {
            let (done, part) = oneshot::channel();
            let request = RefetchRequest { shop_ids: shop_ids.to_vec(), done };
            self.refetch.send(request).await.map_err(|_| Ended)?;
            parts.push(part);
        }
        Ok(Accepted(parts))
    }

    /// Has the whole writer paged through again, for example because the store may have lost saves. Forgets the
    /// changed-since cursor first, so that a crash in between does not end the resync.
    ///
    /// # Errors
    /// When the subscription has ended.
    pub async fn full_resync(&self) -> Result<Accepted, Ended> {
        let (done, part) = oneshot::channel();
        self.resync.send(ResyncRequest { done }).await.map_err(|_| Ended)?;
        Ok(Accepted(vec![part]))
    }
}
