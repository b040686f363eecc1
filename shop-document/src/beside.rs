//! What stands beside a part's bytes, in the handle: taken from the archive once, when the bytes enter the process.

use bytes::Bytes;

use crate::archive::{ArchivedDetailArchive, ArchivedListArchive};
use crate::card::{self, ArchivedHoles, CardOverlay, Holes};
use crate::remembered::RememberedState;
use crate::sections::Place;

/// What a page needs of each of its 25 shops, beside the handle instead of behind it. The archives of 25 shops lie all over
/// memory, and waiting for another line of each is what composing a page costs most of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// From, until: the rendered bytes, within the stored ones.
    rendered: (u32, u32),
    holes: Holes,
    pub(crate) location: Place,
    pub(crate) has_campaigns: bool,
    pub(crate) state: RememberedState,
}

impl Beside {
    pub(crate) fn of_list(archived: &ArchivedListArchive, bytes: &Bytes) -> Self {
        let location = &archived.location;
        Self {
            rendered: within(&archived.card, bytes),
            holes: native(&archived.holes),
            location: Place { lat: location.lat.to_native(), lng: location.lng.to_native() },
            has_campaigns: !archived.campaigns.is_empty(),
            state: RememberedState::default(),
        }
    }

    pub(crate) fn of_detail(archived: &ArchivedDetailArchive, bytes: &Bytes) -> Self {
        Self {
            rendered: within(&archived.detail, bytes),
            holes: native(&archived.holes),
            location: Place::default(),
            has_campaigns: !archived.campaigns.is_empty(),
            state: RememberedState::default(),
        }
    }

    pub(crate) const fn rendered_bytes(&self) -> usize {
        (self.rendered.1 - self.rendered.0) as usize
    }

    /// Copies the rendered bytes to the end of `out` and fills their holes.
    pub(crate) fn write(&self, bytes: &Bytes, out: &mut Vec<u8>, overlay: &CardOverlay<'_>) {
        let (from, until) = self.rendered;
        if let Some(rendered) = bytes.get(from as usize..until as usize) {
            card::write(out, rendered, &self.holes, overlay);
        }
    }
}

/// Where rendered bytes stand within the stored ones they are a part of.
fn within(rendered: &[u8], bytes: &Bytes) -> (u32, u32) {
    // Addresses as numbers: only their difference counts.
    let from = (rendered.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (narrow(from), narrow(from + rendered.len()))
}

fn native(holes: &ArchivedHoles) -> Holes {
    Holes {
        state: holes.state.to_native(),
        next_change_at: holes.next_change_at.to_native(),
        distance_m: holes.distance_m.to_native(),
        ad_label: holes.ad_label.to_native(),
        ad_label_width: holes.ad_label_width.to_native(),
    }
}
