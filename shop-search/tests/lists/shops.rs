//! Shops that a test can describe in one line.

use std::future::Future;

use h3o::CellIndex;
use jiff::Timestamp;
use shop_document::hours::{Times, apart, week};
use shop_document::{
    AdsSection, Area, Campaign, Held, ListPart, Place, ReviewsSection, Sections, ShopDocument, ShopSection,
};
use shop_id::{Revision, ShopId};
use shop_search::{ListAnswer, ListQuestion, SearchError, ShopSearch, Sort};

/// In the middle of London.
pub(crate) const STRAND: u64 = 0x0881_95da_49bf_ffff;

pub(crate) fn strand() -> CellIndex {
    CellIndex::try_from(STRAND).unwrap()
}

/// The Strand and its neighbours.
pub(crate) fn cell(number: usize) -> CellIndex {
    strand().grid_disk::<Vec<CellIndex>>(1)[number]
}

pub(crate) fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What of a shop matters to lists. By default open at all hours on the Strand, without ads and reviews.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) cells: Vec<CellIndex>,
    pub(crate) categories: Vec<String>,
    /// Names of the menu previews.
    pub(crate) menu: Vec<String>,
    pub(crate) place: Place,
    /// Minutes of the week: from, length.
    pub(crate) open: Vec<(u32, u32)>,
    /// Seconds since 1970.
    pub(crate) pauses: Vec<(i64, i64)>,
    pub(crate) fee: i64,
    pub(crate) min_order: i64,
    pub(crate) by_stars: [u32; 5],
    /// Starts, ends, weight.
    pub(crate) ads: Vec<(i64, i64, u16)>,
    /// Not closed for good.
    pub(crate) exists: bool,
    pub(crate) zone: String,
}

impl Shop {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            name: format!("Shop {id}"),
            cells: vec![strand()],
            categories: vec!["pizza".to_owned()],
            menu: Vec::new(),
            place: Place { lat: 51.51, lng: -0.12 },
            open: vec![(0, 10_080)],
            pauses: Vec::new(),
            fee: 0,
            min_order: 0,
            by_stars: [0; 5],
            ads: Vec::new(),
            exists: true,
            zone: "Europe/London".to_owned(),
        }
    }

    pub(crate) fn with(id: u64, change: impl FnOnce(&mut Self)) -> Self {
        let mut shop = Self::new(id);
        change(&mut shop);
        shop
    }

    pub(crate) fn id(&self) -> ShopId {
        id(self.id)
    }

    pub(crate) fn part(&self) -> ListPart {
        let revision = Revision::new(1, 1);
        let section = ShopSection {
            categories: self.categories.clone(),
            location: self.place,
            times: self.times(),
            lowest_fee_amount: self.fee,
            min_order_amount: self.min_order,
            area: Area::Circle(1_500),
            cells: self.cells.iter().map(|cell| u64::from(*cell)).collect(),
            card: self.card(),
            detail: "\"menus\":[]".to_owned(),
        };
        let campaign = |&(starts, ends, weight)| Campaign { label: "Ad".to_owned(), starts, ends, weight };
        let sections = Sections {
            shop: if self.exists { Held::Present(revision, section) } else { Held::Gone(revision) },
            ads: Held::Present(revision, AdsSection { campaigns: self.ads.iter().map(campaign).collect() }),
            reviews: Held::Present(
                revision,
                ReviewsSection { by_stars: self.by_stars, detail: "{}".to_owned() },
            ),
        };
        ShopDocument::assemble(self.id(), &sections).list
    }

    pub(crate) fn times(&self) -> Times {
        Times {
            time_zone: self.zone.clone(),
            open_minutes: week(self.open.iter().map(|(from, length)| (*from, from + length))),
            pauses: apart(self.pauses.clone()),
        }
    }

    fn card(&self) -> String {
        let text = |text: &String| serde_json::to_string(text).unwrap();
        let preview = |name: &String| format!("{{\"name\":{},\"price\":null}}", text(name));
        let previews: Vec<String> = self.menu.iter().map(preview).collect();
        format!("\"name\":{},\"menu_previews\":[{}]", text(&self.name), previews.join(","))
    }
}

/// The first page of the Strand.
pub(crate) fn question(sort: Sort) -> ListQuestion {
    ListQuestion { cell: strand(), category: None, sort, cursor: None }
}

/// The page behind an answer.
pub(crate) fn following(question: &ListQuestion, answer: &ListAnswer) -> Option<ListQuestion> {
    let cursor = answer.next_cursor.clone()?;
    Some(ListQuestion { cursor: Some(cursor), ..question.clone() })
}

pub(crate) fn ask(
    search: &impl ShopSearch,
    question: &ListQuestion,
    now: Timestamp,
) -> Result<ListAnswer, SearchError> {
    block_on(search.list(question, now))
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// IDs of the first page.
pub(crate) fn listed(search: &impl ShopSearch, sort: Sort, now: Timestamp) -> Vec<u64> {
    ids(&ask(search, &question(sort), now).unwrap())
}

pub(crate) fn ids(answer: &ListAnswer) -> Vec<u64> {
    answer.shop_ids.iter().map(|shop_id| shop_id.get()).collect()
}
