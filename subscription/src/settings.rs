//! How patient, how greedy: one plain struct, the same for every writer unless somebody says otherwise.

use std::time::Duration;

use writer_api::answer::{IDS_MAX, LIMIT_MAX};

use crate::Jitter;

/// The bounds of one subscription. Every number may be taken as it is; values out of range are cut to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often changed-since is asked: what a lost event costs at most.
    pub changed_since_interval: Duration,
    /// Refetches (requests for several shops, each followed by its save) that run at once.
    pub refetches_in_flight_max: usize,
    /// How many of them may be bulk, so that a live change always finds a free one.
    pub bulk_refetches_in_flight_max: usize,
    /// Shops in one refetch, at most [`IDS_MAX`].
    pub refetch_shops_max: usize,
    /// A writer that has not answered a refetch or a changed-since question after this long is not going to.
    pub refetch_timeout: Duration,
    /// Shops on one page of a full resync, at most [`LIMIT_MAX`].
    pub page_shops_max: usize,
    /// As `refetch_timeout`, for a page.
    pub page_timeout: Duration,
    /// Pages of a full resync that are being saved while the next one is fetched.
    pub pages_in_flight_max: usize,
    /// The first pause after a failure; each further one doubles it.
    pub retry_wait_min: Duration,
    /// The longest pause after a failure.
    pub retry_wait_max: Duration,
    /// The longest pause after an answer from before the event: the writer is well, only its replica is behind.
    pub lag_wait_max: Duration,
    /// Spreads the pauses.
    pub jitter: Jitter,
    /// Failures in a row that open the writer's breaker.
    pub breaker_failures: u32,
    /// How long nothing is asked then, before one probe is: long enough to restart a writer. Each probe that fails
    /// doubles it.
    pub breaker_open_min: Duration,
    /// And how long at most, however long the outage.
    pub breaker_open_max: Duration,
    /// Deliveries that are held unacknowledged. When half of it is reached, those of shops that cannot be
    /// refetched are given back to the queue, so that the others never wait for them.
    pub deliveries_held_max: usize,
    /// Messages of one receive.
    pub receive_messages_max: usize,
    /// The visibility timeout of the queue. What is held for longer than half of it gets more time; a value above
    /// the queue's own costs doubles, nothing else.
    pub visibility_timeout: Duration,
    /// Changes heard from changed-since that are not saved yet; the next page of them waits meanwhile.
    pub changes_pending_max: usize,
    /// Shops of which is remembered what was saved last, so that an event heard again, or a change heard on both ways,
    /// costs no refetch. About 60 bytes each.
    pub remembered_shops_max: usize,
    /// How long that which is in flight may take once the end has begun.
    pub drain_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            changed_since_interval: Duration::from_secs(10),
            refetches_in_flight_max: 16,
            bulk_refetches_in_flight_max: 8,
            refetch_shops_max: IDS_MAX,
            refetch_timeout: Duration::from_secs(5),
            page_shops_max: LIMIT_MAX,
            page_timeout: Duration::from_secs(30),
            pages_in_flight_max: 3,
            retry_wait_min: Duration::from_millis(50),
            retry_wait_max: Duration::from_secs(5),
            lag_wait_max: Duration::from_secs(1),
            jitter: Jitter::Random,
            breaker_failures: 5,
            breaker_open_min: Duration::from_millis(200),
            breaker_open_max: Duration::from_secs(5),
            deliveries_held_max: 10_000,
            receive_messages_max: 500,
            visibility_timeout: Duration::from_secs(30),
            changes_pending_max: 20_000,
            remembered_shops_max: 100_000,
            drain_grace: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Cuts what is out of range.
    pub(crate) fn cut(mut self) -> Self {
        self.refetches_in_flight_max = self.refetches_in_flight_max.max(2);
        self.bulk_refetches_in_flight_max =
            self.bulk_refetches_in_flight_max.clamp(1, self.refetches_in_flight_max - 1);
        self.refetch_shops_max = self.refetch_shops_max.clamp(1, IDS_MAX);
        self.page_shops_max = self.page_shops_max.clamp(1, LIMIT_MAX);
        self.pages_in_flight_max = self.pages_in_flight_max.max(1);
        self.deliveries_held_max = self.deliveries_held_max.clamp(4, 1 << 20);
        // A receiver that waits for messages has kept their places free.
        self.receive_messages_max = self.receive_messages_max.clamp(1, self.deliveries_held_max / 4);
        self.changes_pending_max = self.changes_pending_max.max(1);
        self
    }
}
