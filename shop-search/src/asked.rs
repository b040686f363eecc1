//! A question's cursor and clock, understood; and one page cut out of an order. Lists and text searches page alike.

use jiff::Timestamp;

use crate::cursor::{Cursor, CursorKey, refused};
use crate::rank::Standing;
use crate::shop::{CURSOR_AGE_SECONDS_MAX, Second, instant, second};
use crate::{ListAnswer, PAGE_SHOPS_MAX, SearchError};

/// A cursor made within one such slot of time carries its beginning, if the clock moved nothing since: the bytes of a
/// page stay the same, whichever query server made it.
const CURSOR_SLOT_SECONDS: Second = 900;
/// How far the clock of the query server that made a cursor may be ahead.
const CLOCK_SKEW_SECONDS_MAX: Second = 60;

const _: () = assert!(CURSOR_SLOT_SECONDS < CURSOR_AGE_SECONDS_MAX);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    key: CursorKey,
    /// The order is the one of this moment.
    pub(crate) at: Second,
    pub(crate) now: Second,
    /// The page begins behind this place.
    pub(crate) after: Option<Standing>,
    /// What the next cursor carries; `None`: this is a first page, or the cursor was too old.
    carried: Option<Second>,
    stale_since: Option<Timestamp>,
}

/// What a page is cut out of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'order> {
    /// Ascending.
    pub(crate) standings: &'order [Standing],
    /// It is the same since,
    pub(crate) from: Second,
    /// and what is shown of it stays until.
    pub(crate) until: Second,
    pub(crate) generation: u64,
}

impl Asked {
    pub(crate) fn of(
        key: CursorKey,
        cursor: Option<&str>,
        now: Timestamp,
        stale_since: Option<Timestamp>,
    ) -> Result<Self, SearchError> {
        let now = second(now);
        let first = Self { key, at: now, now, after: None, carried: None, stale_since };
        let Some(given) = cursor else { return Ok(first) };
        let cursor = Cursor::parse(given, key)?;
        if cursor.judged_at > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
            return Err(refused(given));
        }
        let after = Some(cursor.after);
        if now.saturating_sub(cursor.judged_at) > CURSOR_AGE_SECONDS_MAX {
            // Who comes back after an hour goes on behind the same place of today's order.
            return Ok(Self { after, ..first });
        }
        Ok(Self { after, at: cursor.judged_at, carried: Some(cursor.judged_at), ..first })
    }

    /// Whether a next page's cursor says since when the order holds.
    #[cfg(feature = "elasticsearch")]
    pub(crate) const fn shows_when(&self) -> bool {
        self.carried.is_none()
    }

    pub(crate) fn page(&self, order: Order<'_>) -> ListAnswer {
        let standings = order.standings;
        let start = self.after.map_or(0, |after| standings.partition_point(|standing| *standing <= after));
        let rest = &standings[start..];
        let page = &rest[..rest.len().min(PAGE_SHOPS_MAX)];
        let next_cursor = match page.last() {
            Some(&after) if page.len() < rest.len() => {
                let slot = self.now - self.now % CURSOR_SLOT_SECONDS;
                let judged_at = self.carried.unwrap_or_else(|| order.from.max(slot));
                Some(Cursor { judged_at, after }.text(self.key))
            }
            _ => None,
        };
        ListAnswer {
            shop_ids: page.iter().map(|standing| standing.shop_id).collect(),
            next_cursor,
            changes_at: instant(order.until),
            stale_since: self.stale_since,
            generation: order.generation,
        }
    }

    pub(crate) fn nobody(&self) -> ListAnswer {
        ListAnswer {
            shop_ids: Vec::new(),
            next_cursor: None,
            changes_at: None,
            stale_since: self.stale_since,
            generation: 0,
        }
    }
}
