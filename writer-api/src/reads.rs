//! The four reads as a trait, so that a subscription can be tried without a writer.

use std::future::Future;
use std::sync::Arc;

use shop_id::{Revision, ShopId, Writer};

use crate::{ChangesAnswer, PageAnswer, RefetchError, SectionAnswer, SectionsAnswer};

/// What a subscriber is given of a writer: it can ask, it cannot change.
pub trait WriterReads: Send + Sync + 'static {
    /// Whom one asks here.
    fn writer(&self) -> Writer;

    /// One shop's newest section.
    fn section(&self, shop_id: ShopId) -> impl Future<Output = Result<SectionAnswer, RefetchError>> + Send;

    /// Many shops' newest sections, in the asked order, one per ID. None asked, none answered
    /// (`as_of_sequence` is then [`Revision::ZERO`]).
    fn sections(
        &self,
        shop_ids: &[ShopId],
    ) -> impl Future<Output = Result<SectionsAnswer, RefetchError>> + Send;

    /// What was committed after the cursor, at most `limit` (which is cut to [`crate::answer::LIMIT_MAX`]).
    /// [`Revision::ZERO`] asks from the very beginning and never expires.
    fn changes(
        &self,
        after: Revision,
        limit: usize,
    ) -> impl Future<Output = Result<ChangesAnswer, RefetchError>> + Send;

    /// All sections by ascending ID, tombstones included, at most `limit` (cut as above) at a time.
    fn page(
        &self,
        after: Option<ShopId>,
        limit: usize,
    ) -> impl Future<Output = Result<PageAnswer, RefetchError>> + Send;
}

impl<W: WriterReads> WriterReads for Arc<W> {
    fn writer(&self) -> Writer {
        W::writer(self)
    }

    fn section(&self, shop_id: ShopId) -> impl Future<Output = Result<SectionAnswer, RefetchError>> + Send {
        W::section(self, shop_id)
    }

    fn sections(
        &self,
        shop_ids: &[ShopId],
    ) -> impl Future<Output = Result<SectionsAnswer, RefetchError>> + Send {
        W::sections(self, shop_ids)
    }

    fn changes(
        &self,
        after: Revision,
        limit: usize,
    ) -> impl Future<Output = Result<ChangesAnswer, RefetchError>> + Send {
        W::changes(self, after, limit)
    }

    fn page(
        &self,
        after: Option<ShopId>,
        limit: usize,
    ) -> impl Future<Output = Result<PageAnswer, RefetchError>> + Send {
        W::page(self, after, limit)
    }
}
