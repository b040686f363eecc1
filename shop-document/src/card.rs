//! The list card: rendered once per change, patched in four places once per request.

use rkyv::{Archive, Deserialize, Serialize};
use shop_id::ShopId;

use crate::holes::{self, DISTANCE_WIDTH, STATE_WIDTH, TIME_WIDTH};
use crate::hours::StateNow;
use crate::sections::{Campaign, Sections};

/// Where the holes begin in the rendered bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Holes {
    /// `"open"`, [`STATE_WIDTH`] bytes.
    pub state: u32,
    /// [`TIME_WIDTH`] bytes.
    pub next_change_at: u32,
    /// [`DISTANCE_WIDTH`] bytes.
    pub distance_m: u32,
    /// The label of the running campaign.
    pub ad_label: u32,
    /// Bytes of the widest label in quotes, at least those of `null`.
    pub ad_label_width: u32,
}

/// What cell and clock decide.
#[derive(Clone, Copy, Debug)]
pub struct CardOverlay<'a> {
    /// From the cell's centre; `None` where no cell was asked for.
    pub distance_m: Option<u32>,
    /// See [`StateNow`].
    pub state: &'a StateNow,
    /// Of the campaign that runs now.
    pub ad_label: Option<&'a str>,
}

/// A rendered object with its holes, still open at the end: the detail goes on behind the card's members.
#[derive(Debug)]
pub(crate) struct OpenCard {
    pub(crate) text: String,
    pub(crate) holes: Holes,
    /// Where the shop's fragment lies.
    pub(crate) fragment: (u32, u32),
}

/// Renders all members of the card without the closing brace.
pub(crate) fn render_open(shop_id: ShopId, fragment: &str, sections: &Sections) -> OpenCard {
    let mut text = format!("{{\"id\":\"{shop_id}\",");
    let from = position(&text);
    text.push_str(fragment);
    let until = position(&text);
    let by_stars = sections.reviews.present().map(|reviews| reviews.by_stars).unwrap_or_default();
    let (rating, review_count) = rating(by_stars);
    text.push_str(&format!(",\"rating\":{rating},\"review_count\":{review_count}"));
    let mut hole = |name: &str, width: usize| {
        text.push_str(&format!(",\"{name}\":"));
        let begins = position(&text);
        text.extend(std::iter::repeat_n(' ', width));
        begins
    };
    let state = hole("state", STATE_WIDTH);
    let next_change_at = hole("next_change_at", TIME_WIDTH);
    let distance_m = hole("distance_m", DISTANCE_WIDTH);
    let campaigns = sections.ads.present().map(|ads| ads.campaigns.as_slice()).unwrap_or_default();
    let ad_label_width = label_width(campaigns);
    let ad_label = hole("ad_label", ad_label_width);
    // No writer of promotions yet; the member stands here so that clients need no change when there is one.
    text.push_str(",\"promotions\":[]");
    let ad_label_width = u32::try_from(ad_label_width).unwrap_or(u32::MAX);
    let holes = Holes { state, next_change_at, distance_m, ad_label, ad_label_width };
    OpenCard { text, holes, fragment: (from, until) }
}

fn position(text: &str) -> u32 {
    // A document of 4 GiB does not come through any writer's door.
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

fn label_width(campaigns: &[Campaign]) -> usize {
    let quoted = |campaign: &Campaign| holes::quoted(&campaign.label).len();
    campaigns.iter().map(quoted).max().unwrap_or(0).max("null".len())
}

/// One decimal, or `null` without reviews; and how many there are.
fn rating(by_stars: [u32; 5]) -> (String, u64) {
    let (stars, count) = sums(by_stars);
    if count == 0 {
        return ("null".to_owned(), 0);
    }
    // Tenths, rounded half up, in whole numbers: the same on every machine.
    let tenths = (stars * 20 + count) / (count * 2);
    (format!("{}.{}", tenths / 10, tenths % 10), count)
}

/// All stars, all reviews.
#[must_use]
pub fn sums(by_stars: [u32; 5]) -> (u64, u64) {
    by_stars.iter().zip(1_u64..).fold((0, 0), |(stars, count), (&given, worth)| {
        (stars + u64::from(given) * worth, count + u64::from(given))
    })
}

/// Copies a rendered object to the end of `out` and fills its holes.
pub(crate) fn write(out: &mut Vec<u8>, rendered: &[u8], holes: &Holes, overlay: &CardOverlay<'_>) {
    let start = out.len();
    out.extend_from_slice(rendered);
    let written = &mut out[start..];
    if let Some(hole) = hole::<STATE_WIDTH>(written, holes.state) {
        holes::write_state(hole, overlay.state.state);
    }
    if let Some(hole) = hole::<TIME_WIDTH>(written, holes.next_change_at) {
        holes::write_next_change(hole, overlay.state);
    }
    if let Some(hole) = hole::<DISTANCE_WIDTH>(written, holes.distance_m) {
        holes::write_distance(hole, overlay.distance_m);
    }
    let label = holes.ad_label as usize..holes.ad_label as usize + holes.ad_label_width as usize;
    if let Some(hole) = written.get_mut(label) {
        holes::write_label(hole, overlay.ad_label);
    }
}

/// Holes come from the same archive as the bytes, whose checksum held: they are always there.
fn hole<const WIDTH: usize>(written: &mut [u8], begins: u32) -> Option<&mut [u8; WIDTH]> {
    written.get_mut(begins as usize..)?.first_chunk_mut()
}
