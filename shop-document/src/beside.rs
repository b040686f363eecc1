//! What stands beside a part's bytes, in the handle: taken from the archive once, when the bytes enter the process.

use bytes::Bytes;

use crate::archive::{ArchivedDetailArchive, ArchivedListArchive};
use crate::card::{self, ArchivedHoles, CardOverlay, Holes};
use crate::remembered::RememberedState;
use crate::sections::{ArchivedCampaign, Place};

/// What a page needs of each of its 25 shops, beside the handle instead of behind it. The archives of 25 shops lie all over
/// memory, and waiting for another line of each is what composing a page costs most of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// From, until: the rendered bytes, within the stored ones.
    rendered: (u32, u32),
    holes: Holes,
    pub(crate) location: Place,
    pub(crate) campaigns: Campaigns,
    pub(crate) state: RememberedState,
}

/// Most shops that advertise have one campaign, and stand first on lists.
#[derive(Clone, Debug, Default)]
pub(crate) enum Campaigns {
    #[default]
    None,
    /// Seconds since 1970; where its label stands within the stored bytes.
    One { starts: i64, ends: i64, label: (u32, u32) },
    /// They stand in the archive.
    Many,
}

/// What runs at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdNow<'part> {
    /// Of the heaviest campaign that runs.
    pub label: Option<&'part str>,
    /// The first beginning or end of a campaign after it, seconds since 1970.
    pub changes_at: Option<i64>,
}

impl Beside {
    pub(crate) fn of_list(archived: &ArchivedListArchive, bytes: &Bytes) -> Self {
        let location = &archived.location;
        Self {
            rendered: within(&archived.card, bytes),
            holes: native(&archived.holes),
            location: Place { lat: location.lat.to_native(), lng: location.lng.to_native() },
            campaigns: Campaigns::of(&archived.campaigns, bytes),
            state: RememberedState::default(),
        }
    }

    pub(crate) fn of_detail(archived: &ArchivedDetailArchive, bytes: &Bytes) -> Self {
        Self {
            rendered: within(&archived.detail, bytes),
            holes: native(&archived.holes),
            location: Place::default(),
            campaigns: Campaigns::of(&archived.campaigns, bytes),
            state: RememberedState::default(),
        }
    }

    pub(crate) const fn rendered_bytes(&self) -> usize {
        (self.rendered.1 - self.rendered.0) as usize
    }

    /// Asks memory for the first and the middle line of the rendered bytes.
    pub(crate) fn touch(&self, bytes: &Bytes) -> u8 {
        let (from, until) = (self.rendered.0 as usize, self.rendered.1 as usize);
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        byte(from) ^ byte(from.midpoint(until))
    }

    /// Copies the rendered bytes to the end of `out` and fills their holes.
    pub(crate) fn write(&self, bytes: &Bytes, out: &mut Vec<u8>, overlay: &CardOverlay<'_>) {
        let (from, until) = self.rendered;
        if let Some(rendered) = bytes.get(from as usize..until as usize) {
            card::write(out, rendered, &self.holes, overlay);
        }
    }
}

impl Campaigns {
    fn of(archived: &[ArchivedCampaign], bytes: &Bytes) -> Self {
        match archived {
            [] => Self::None,
            [one] => Self::One {
                starts: one.starts.to_native(),
                ends: one.ends.to_native(),
                label: within(one.label.as_bytes(), bytes),
            },
            _ => Self::Many,
        }
    }

    /// `archived` are the same ones, asked for only if there are many.
    pub(crate) fn at<'part>(
        &self,
        at: i64,
        bytes: &'part Bytes,
        archived: impl FnOnce() -> &'part [ArchivedCampaign],
    ) -> AdNow<'part> {
        match *self {
            Self::None => AdNow::default(),
            Self::One { starts, ends, label } => AdNow {
                label: (starts..ends).contains(&at).then(|| text(bytes, label)).flatten(),
                changes_at: [starts, ends].into_iter().filter(|edge| *edge > at).min(),
            },
            Self::Many => {
                let campaigns = archived();
                AdNow {
                    label: ad_at(campaigns, at).map(|ad| ad.label.as_str()),
                    changes_at: edge_after(campaigns, at),
                }
            }
        }
    }
}

/// The heaviest campaign that runs at an instant.
pub(crate) fn ad_at(campaigns: &[ArchivedCampaign], at: i64) -> Option<&ArchivedCampaign> {
    let running = campaigns.iter().filter(|ad| (ad.starts.to_native()..ad.ends.to_native()).contains(&at));
    // The first of the heaviest, so that the answer does not depend on anything but the section.
    running.min_by_key(|ad| std::cmp::Reverse(ad.weight.to_native()))
}

fn edge_after(campaigns: &[ArchivedCampaign], at: i64) -> Option<i64> {
    let edges = campaigns.iter().flat_map(|ad| [ad.starts.to_native(), ad.ends.to_native()]);
    edges.filter(|edge| *edge > at).min()
}

fn text(bytes: &Bytes, (from, until): (u32, u32)) -> Option<&str> {
    std::str::from_utf8(bytes.get(from as usize..until as usize)?).ok()
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
