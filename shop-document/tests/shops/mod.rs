//! Three shops whose bytes are kept: all that a section can hold, a closed one, one that nobody opened yet.
#![allow(dead_code)]

use shop_document::hours::Times;
use shop_document::{
    AdsSection, Area, Campaign, Held, Place, ReviewsSection, Sections, ShopDocument, ShopSection,
};
use shop_id::{Revision, ShopId};

/// The number of every shop here: each of its bytes is another one.
pub(crate) const SHOP: u64 = 0x0102_0304_0506_0708;

pub(crate) fn shop_id() -> ShopId {
    ShopId::new(SHOP).unwrap()
}

pub(crate) fn document(sections: &Sections) -> ShopDocument {
    ShopDocument::assemble(shop_id(), sections)
}

/// The fragments are literal: how `facts` renders them may change without a change of the format.
pub(crate) fn rich() -> Sections {
    let shop = ShopSection {
        categories: vec!["pizza".to_owned(), "vegetarian_and_vegan".to_owned()],
        location: Place { lat: 51.501_37, lng: -0.141_89 },
        times: Times {
            time_zone: "Europe/London".to_owned(),
            open_minutes: vec![(0, 120), (660, 1_380), (9_780, 10_080)],
            pauses: vec![(1_795_456_800, 1_795_464_000)],
        },
        lowest_fee_amount: 149,
        min_order_amount: 1_200,
        area: Area::Ring(vec![
            Place { lat: 51.49, lng: -0.16 },
            Place { lat: 51.52, lng: -0.15 },
            Place { lat: 51.5, lng: -0.12 },
        ]),
        cells: vec![0x0881_94ad_32ff_ffff, 0x0881_94ad_30ff_ffff, 0x0881_94ad_36ff_ffff],
        card: r#""name":"Da Noi \"Napoli\" 🍕","categories":["pizza","vegetarian_and_vegan"]"#.to_owned(),
        detail: r#""address":"1 Buckingham Gate","menus":[{"name":"Pizza","items":[]}]"#.to_owned(),
    };
    let campaign =
        |label: &str, starts, ends, weight| Campaign { label: label.to_owned(), starts, ends, weight };
    let ads = AdsSection {
        campaigns: vec![
            campaign("2 for 1 \"tonight\"", 1_795_453_200, 1_795_467_600, 700),
            campaign("Ad", 1_735_689_600, 2_051_222_400, 3),
        ],
    };
    let reviews = ReviewsSection {
        by_stars: [3, 1, 14, 159, 265],
        detail: r#"{"by_stars":[3,1,14,159,265],"latest":[{"stars":5,"text":"Crisp","at":"2026-11-22T19:00:00Z"}]}"#
            .to_owned(),
    };
    Sections {
        shop: Held::Present(Revision::new(1, 42), shop),
        ads: Held::Present(Revision::new(2, 7), ads),
        reviews: Held::Present(Revision::new(1, u64::MAX), reviews),
    }
}

/// Closed for good; the revisions stay, and what the others said.
pub(crate) fn tombstone() -> Sections {
    Sections { shop: Held::Gone(Revision::new(1, 43)), ads: Held::Nothing(Revision::new(2, 8)), ..rich() }
}

/// Reviews came before the shop writer was heard.
pub(crate) fn invisible() -> Sections {
    Sections { shop: Held::Unheard, ads: Held::Unheard, ..rich() }
}

pub(crate) const NAMES: [&str; 3] = ["rich", "tombstone", "invisible"];

pub(crate) fn named(name: &str) -> Sections {
    match name {
        "rich" => rich(),
        "tombstone" => tombstone(),
        "invisible" => invisible(),
        other => panic!("no shop is called `{other}`"),
    }
}
