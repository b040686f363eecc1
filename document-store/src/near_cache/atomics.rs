//! What changes are counted in. `tests/interleavings` puts loom's in the place of these, and fewer.

pub(super) use std::sync::atomic::{AtomicU64, Ordering, fence};

/// 16 KiB of counts: at 1,000 changes a second a page of 25 shops has to look at its cards some 25 times a second.
pub(super) const STRIPES_BITS: u32 = 11;
