//! Two values of one shop. Bytes are validated once, when they enter the process; cloning shares them.

use bytes::Bytes;
use jiff::Timestamp;
use rkyv::rancor;
use shop_id::{Revision, ShopId, Writer};

use crate::archive::{ArchivedDetailArchive, ArchivedListArchive, DetailArchive, ListArchive};
use crate::beside::{AdNow, Beside, ad_at};
use crate::card::{self, CardOverlay};
use crate::detail;
use crate::envelope::{ENVELOPE_BYTES, Envelope, Part, SectionState, Unreadable};
use crate::hours::{ArchivedTimes, StateNow, Times, Zones, state_at};
use crate::sections::{
    AdsSection, ArchivedCampaign, Campaign, Held, Place, ReviewsSection, Sections, ShopSection,
};

// The shop's is the first of the sections, so that looking at it needs no search.
const _: () = assert!(matches!(Writer::OF_THE_DOCUMENT[0], Writer::Shop));

macro_rules! part {
    ($(#[$doc:meta])* $name:ident, $part:expr, $archive:ident, $archived:ident, $beside:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            bytes: Bytes,
            envelope: Envelope,
            beside: Beside,
        }

        impl $name {
            /// Checks envelope, checksum and archive, once.
            ///
            /// # Errors
            /// Names what is wrong with the bytes.
            pub fn validate(bytes: Bytes) -> Result<Self, Unreadable> {
                let envelope = Envelope::open(&bytes, $part)?;
                rkyv::access::<$archived, rancor::Error>(&bytes[ENVELOPE_BYTES..])
                    .map_err(|error| Unreadable { reason: format!("archive: {error}") })?;
                Ok(Self::beside(bytes, envelope))
            }

            fn seal(envelope: Envelope, archive: &$archive) -> Self {
                // Fails only where relative pointers of 32 bits do not reach, beyond 2 GiB, which no writer's
                // door lets through; and then nothing may be handed to the unchecked access below.
                let archived = rkyv::to_bytes::<rancor::Error>(archive).expect("a document of less than 2 GiB");
                Self::beside(envelope.seal(&archived), envelope)
            }

            fn beside(bytes: Bytes, envelope: Envelope) -> Self {
                let mut part = Self { bytes, envelope, beside: Beside::default() };
                part.beside = Beside::$beside(part.archived(), &part.bytes);
                part
            }

            #[allow(unsafe_code)]
            fn archived(&self) -> &$archived {
                // SAFETY: `beside` is the only constructor, called by `validate` and `seal` alone, and `bytes` is private and never
                // changes, so these are the very bytes that `rkyv::access` accepted or `rkyv::to_bytes` made.
                // The archive is unaligned, so any offset will do.
                unsafe { rkyv::access_unchecked::<$archived>(&self.bytes[ENVELOPE_BYTES..]) }
            }

            /// The stored bytes.
            #[must_use]
            pub const fn bytes(&self) -> &Bytes {
                &self.bytes
            }

            /// What stands before the archive.
            #[must_use]
            pub const fn envelope(&self) -> &Envelope {
                &self.envelope
            }

            /// Whose.
            #[must_use]
            pub const fn shop_id(&self) -> ShopId {
                self.envelope.shop_id
            }

            /// Closed for good.
            #[must_use]
            pub fn is_tombstone(&self) -> bool {
                self.envelope.sections[0].0 == SectionState::Gone
            }

            /// Shown to people: there is a shop section.
            #[must_use]
            pub fn is_visible(&self) -> bool {
                self.envelope.sections[0].0 == SectionState::Present
            }

            /// How new a writer's section is; `None`: never heard.
            #[must_use]
            pub fn revision(&self, writer: Writer) -> Option<Revision> {
                let (state, revision) = self.envelope.section(writer);
                (state != SectionState::Unheard).then_some(revision)
            }

            /// Open or closed at an instant.
            #[must_use]
            pub fn state_at(&self, now: Timestamp, zones: Zones) -> StateNow {
                self.beside.state.or(now, || times_at(&self.archived().times, now, zones))
            }

            /// The campaign that runs at an instant; the heaviest one if there are several.
            #[must_use]
            pub fn ad_at(&self, now: Timestamp) -> Option<&ArchivedCampaign> {
                ad_at(&self.archived().campaigns, now.as_second())
            }

            /// What runs at an instant, and until when.
            #[must_use]
            pub fn ad_now(&self, now: Timestamp) -> AdNow<'_> {
                self.beside.campaigns.at(now.as_second(), &self.bytes, || &self.archived().campaigns)
            }

            /// Until this moment the clock alone changes neither what is shown nor where the shop stands in a
            /// list; `None`: never. It may be early (a campaign begins behind a heavier one), but not late.
            #[must_use]
            pub fn next_change_after(&self, now: Timestamp, zones: Zones) -> Option<Timestamp> {
                let state = self.state_at(now, zones).next_change_at;
                let ad = self.ad_now(now).changes_at.and_then(|edge| Timestamp::from_second(edge).ok());
                [state, ad].into_iter().flatten().min()
            }
        }
    };
}

part! {
    /// Read by lists and batches: flat fields and the rendered card.
    ListPart, Part::List, ListArchive, ArchivedListArchive, of_list
}

part! {
    /// Read by the detail request: the rendered detail.
    DetailPart, Part::Detail, DetailArchive, ArchivedDetailArchive, of_detail
}

/// Both parts, always assembled and saved together.
#[derive(Clone, Debug)]
pub struct ShopDocument {
    /// See [`ListPart`].
    pub list: ListPart,
    /// See [`DetailPart`].
    pub detail: DetailPart,
}

impl ListPart {
    /// All flat fields.
    #[must_use]
    pub fn flat(&self) -> &ArchivedListArchive {
        self.archived()
    }

    /// H3 cells (resolution 8) whose lists show the shop: none for a tombstone or an invisible shop.
    pub fn cells(&self) -> impl Iterator<Item = u64> {
        self.archived().cells.iter().map(|cell| cell.to_native())
    }

    /// Lower-case words; the first is the main one.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.archived().categories.iter().map(|category| category.as_str())
    }

    /// Where the kitchen is.
    #[must_use]
    pub fn location(&self) -> Place {
        self.beside.location
    }

    /// Minor units.
    #[must_use]
    pub fn lowest_fee_amount(&self) -> i64 {
        self.archived().lowest_fee_amount.to_native()
    }

    /// Minor units.
    #[must_use]
    pub fn min_order_amount(&self) -> i64 {
        self.archived().min_order_amount.to_native()
    }

    /// How many gave 1, 2, 3, 4, 5 stars.
    #[must_use]
    pub fn by_stars(&self) -> [u32; 5] {
        self.archived().by_stars.map(|count| count.to_native())
    }

    /// All stars and all reviews.
    #[must_use]
    pub fn stars(&self) -> (u64, u64) {
        card::sums(self.by_stars())
    }

    /// Past, running and to come.
    #[must_use]
    pub fn campaigns(&self) -> &[ArchivedCampaign] {
        &self.archived().campaigns
    }

    /// The shop writer's members within the card; `None` for an invisible shop.
    pub(crate) fn shop_members(&self) -> Option<&[u8]> {
        let archived = self.archived();
        let (from, until) = (archived.fragment.0.to_native(), archived.fragment.1.to_native());
        if self.is_visible() { archived.card.get(from as usize..until as usize) } else { None }
    }

    /// Bytes that [`ListPart::write_card`] writes.
    #[must_use]
    pub fn card_bytes(&self) -> usize {
        self.beside.rendered_bytes()
    }

    /// Asks memory for the card, before the cards of other shops and before it is copied: 25 waits become few, since they
    /// overlap. What it returns says nothing; it is there so that the asking is not optimised away.
    #[must_use]
    pub fn touch_card(&self) -> u8 {
        self.beside.touch(&self.bytes)
    }

    /// Copies the card to the end of `out` and fills its holes. Writes nothing for an invisible shop.
    pub fn write_card(&self, out: &mut Vec<u8>, overlay: &CardOverlay<'_>) {
        if self.is_visible() {
            self.beside.write(&self.bytes, out, overlay);
        }
    }
}

impl DetailPart {
    /// All fields.
    #[must_use]
    pub fn flat(&self) -> &ArchivedDetailArchive {
        self.archived()
    }

    /// Copies the detail to the end of `out` and fills its holes. Writes nothing for an invisible shop.
    pub fn write_detail(&self, out: &mut Vec<u8>, now: Timestamp, state: &StateNow) {
        if !self.is_visible() {
            return;
        }
        let ad_label = self.ad_now(now).label;
        self.beside.write(&self.bytes, out, &CardOverlay { distance_m: None, state, ad_label });
    }
}

impl ShopDocument {
    /// Joins the rendered fragments, archives, seals.
    #[must_use]
    pub fn assemble(shop_id: ShopId, sections: &Sections) -> Self {
        let states = [seen(&sections.shop), seen(&sections.ads), seen(&sections.reviews)];
        let list = ListPart::seal(
            Envelope { part: Part::List, shop_id, sections: states },
            &list_archive(shop_id, sections),
        );
        let detail = DetailPart::seal(
            Envelope { part: Part::Detail, shop_id, sections: states },
            &detail_archive(shop_id, sections),
        );
        Self { list, detail }
    }

    /// Whose.
    #[must_use]
    pub const fn shop_id(&self) -> ShopId {
        self.list.shop_id()
    }

    /// How new a writer's section is; `None`: never heard.
    #[must_use]
    pub fn revision(&self, writer: Writer) -> Option<Revision> {
        self.list.revision(writer)
    }

    /// All sections, for merging.
    #[must_use]
    pub fn sections(&self) -> Sections {
        let envelope = self.list.envelope();
        Sections {
            shop: held(envelope.section(Writer::Shop), || self.shop_section()),
            ads: held(envelope.section(Writer::Ads), || AdsSection {
                campaigns: owned_campaigns(self.list.campaigns()),
            }),
            reviews: held(envelope.section(Writer::Reviews), || ReviewsSection {
                by_stars: self.list.by_stars(),
                detail: self.detail_fragment(
                    |archived| archived.fragments.reviews.0.to_native(),
                    |archived| archived.fragments.reviews.1.to_native(),
                ),
            }),
        }
    }

    fn shop_section(&self) -> ShopSection {
        let (list, detail) = (self.list.archived(), self.detail.archived());
        let fragment = list.fragment.0.to_native() as usize..list.fragment.1.to_native() as usize;
        ShopSection {
            categories: self.list.categories().map(str::to_owned).collect(),
            location: self.list.location(),
            times: owned_times(&list.times),
            lowest_fee_amount: self.list.lowest_fee_amount(),
            min_order_amount: self.list.min_order_amount(),
            area: rkyv::deserialize::<_, rancor::Error>(&detail.area).unwrap_or_default(),
            cells: self.list.cells().collect(),
            card: text(list.card.get(fragment)),
            detail: self.detail_fragment(
                |archived| archived.fragments.shop.0.to_native(),
                |archived| archived.fragments.shop.1.to_native(),
            ),
        }
    }

    fn detail_fragment(
        &self,
        from: impl Fn(&ArchivedDetailArchive) -> u32,
        until: impl Fn(&ArchivedDetailArchive) -> u32,
    ) -> String {
        let archived = self.detail.archived();
        text(archived.detail.get(from(archived) as usize..until(archived) as usize))
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    // Rendered from strings, and the checksum held.
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn seen<T>(held: &Held<T>) -> (SectionState, Revision) {
    let state = match held {
        Held::Unheard => SectionState::Unheard,
        Held::Nothing(_) => SectionState::Nothing,
        Held::Present(..) => SectionState::Present,
        Held::Gone(_) => SectionState::Gone,
    };
    (state, held.revision().unwrap_or(Revision::ZERO))
}

fn held<T>((state, revision): (SectionState, Revision), section: impl FnOnce() -> T) -> Held<T> {
    match state {
        SectionState::Unheard => Held::Unheard,
        SectionState::Nothing => Held::Nothing(revision),
        SectionState::Present => Held::Present(revision, section()),
        SectionState::Gone => Held::Gone(revision),
    }
}

fn list_archive(shop_id: ShopId, sections: &Sections) -> ListArchive {
    let campaigns = sections.ads.present().map(|ads| ads.campaigns.clone()).unwrap_or_default();
    let by_stars = sections.reviews.present().map(|reviews| reviews.by_stars).unwrap_or_default();
    let Some(shop) = sections.shop.present() else {
        return ListArchive { campaigns, by_stars, ..ListArchive::default() };
    };
    let mut open = card::render_open(shop_id, &shop.card, sections);
    open.text.push('}');
    ListArchive {
        categories: shop.categories.clone(),
        location: shop.location,
        times: shop.times.clone(),
        lowest_fee_amount: shop.lowest_fee_amount,
        min_order_amount: shop.min_order_amount,
        cells: shop.cells.clone(),
        campaigns,
        by_stars,
        card: open.text.into_bytes(),
        holes: open.holes,
        fragment: open.fragment,
    }
}

fn detail_archive(shop_id: ShopId, sections: &Sections) -> DetailArchive {
    let campaigns = sections.ads.present().map(|ads| ads.campaigns.clone()).unwrap_or_default();
    let Some((open, fragments)) = detail::render(shop_id, sections) else {
        // Invisible; but what the reviews writer said must outlast the wait for the shop writer.
        let detail = sections.reviews.present().map(|reviews| reviews.detail.clone()).unwrap_or_default();
        let until = u32::try_from(detail.len()).unwrap_or(0);
        let fragments = detail::Fragments { shop: (0, 0), reviews: (0, until) };
        return DetailArchive {
            campaigns,
            detail: detail.into_bytes(),
            fragments,
            ..DetailArchive::default()
        };
    };
    let shop = sections.shop.present();
    DetailArchive {
        times: shop.map(|shop| shop.times.clone()).unwrap_or_default(),
        campaigns,
        area: shop.map(|shop| shop.area.clone()).unwrap_or_default(),
        detail: open.text.into_bytes(),
        holes: open.holes,
        fragments,
    }
}

fn times_at(times: &ArchivedTimes, now: Timestamp, zones: Zones) -> StateNow {
    let open = times.open_minutes.iter().map(|range| (range.0.to_native(), range.1.to_native()));
    let pauses = times.pauses.iter().map(|pause| (pause.0.to_native(), pause.1.to_native()));
    state_at(&times.time_zone, &open, pauses, now, zones)
}

fn owned_campaigns(campaigns: &[ArchivedCampaign]) -> Vec<Campaign> {
    let own = |ad: &ArchivedCampaign| Campaign {
        label: ad.label.as_str().to_owned(),
        starts: ad.starts.to_native(),
        ends: ad.ends.to_native(),
        weight: ad.weight.to_native(),
    };
    campaigns.iter().map(own).collect()
}

fn owned_times(times: &ArchivedTimes) -> Times {
    Times {
        time_zone: times.time_zone.as_str().to_owned(),
        open_minutes: times
            .open_minutes
            .iter()
            .map(|range| (range.0.to_native(), range.1.to_native()))
            .collect(),
        pauses: times.pauses.iter().map(|pause| (pause.0.to_native(), pause.1.to_native())).collect(),
    }
}
