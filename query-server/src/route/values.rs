//! One value of a URL: a cell, a place, shop IDs, a sort, a cursor.

use std::sync::Arc;

use h3o::{CellIndex, LatLng, Resolution};
use shop_document::Place;
use shop_id::{RevisionToken, ShopId, Writer};
use shop_search::{QUERY_CHARS_MAX, SearchText, SearchTextError, Sort};

use super::parameters::Parameters;
use crate::problem::{Problem, Refusal};

/// Of the cells that lists are asked for: some 0.7 km² each.
pub const CELL_RESOLUTION: Resolution = Resolution::Eight;
/// Shops in one batch.
pub const BATCH_SHOPS_MAX: usize = 50;
/// Longer words are no categories.
const CATEGORY_BYTES_MAX: usize = 64;
/// Longer texts are no cursors.
const CURSOR_BYTES_MAX: usize = 512;

const CELLS_ALLOWED: [&str; 1] = ["an H3 cell of resolution 8, for example 88195da49bfffff"];

/// What somebody typed, in any spelling.
pub(super) fn search_text(parameters: &Parameters<'_>) -> Result<SearchText, Refusal> {
    let allowed = [format!("1 to {QUERY_CHARS_MAX} characters, not only blanks")];
    let Some(given) = parameters.get("q") else {
        let detail = "say what to search for";
        return Err(Problem::parameter("missing_parameter", "q", None, detail, allowed));
    };
    SearchText::parse(given).map_err(|error| {
        let code = match error {
            SearchTextError::Empty => "nothing_to_search",
            SearchTextError::TooLong => "text_too_long",
        };
        Problem::parameter(code, "q", Some(given), error.to_string(), allowed)
    })
}

/// The cell that has to stand in a query.
pub(super) fn cell_of(parameters: &Parameters<'_>) -> Result<CellIndex, Refusal> {
    match parameters.get("cell") {
        Some(given) => cell(given),
        None => {
            let detail = "say where the shops have to deliver to";
            Err(Problem::parameter("missing_parameter", "cell", None, detail, CELLS_ALLOWED))
        }
    }
}

/// An H3 index, 15 hexadecimal digits.
pub(super) fn cell(given: &str) -> Result<CellIndex, Refusal> {
    let refuse = |code, detail: String| Problem::parameter(code, "cell", Some(given), detail, CELLS_ALLOWED);
    let is_hexadecimal = given.len() == 15 && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parsed = is_hexadecimal.then(|| given.parse::<CellIndex>().ok()).flatten();
    let Some(cell) = parsed else {
        return Err(refuse("malformed_cell", "this is no H3 cell index".to_owned()));
    };
    if cell.resolution() == CELL_RESOLUTION {
        Ok(cell)
    } else {
        let resolution = u8::from(cell.resolution());
        Err(refuse(
            "wrong_resolution",
            format!("this cell has resolution {resolution}; lists are kept by cells of resolution 8"),
        ))
    }
}

/// A place on the globe.
pub(super) fn place(lat: &str, lng: &str) -> Result<Place, Refusal> {
    Ok(Place { lat: degrees("lat", lat, 90.0)?, lng: degrees("lng", lng, 180.0)? })
}

/// The cell that a place lies in.
pub(super) fn cell_around(lat: &str, lng: &str) -> Result<CellIndex, Refusal> {
    let Place { lat, lng } = place(lat, lng)?;
    let place = LatLng::new(lat, lng).map_err(|error| {
        Problem::parameter("malformed_number", "lat", None, error.to_string(), ["-90 to 90"])
    })?;
    Ok(place.to_cell(CELL_RESOLUTION))
}

/// Plain decimal notation: no exponents, no signs but a minus.
fn degrees(name: &'static str, given: &str, most: f64) -> Result<f64, Refusal> {
    let (whole, fraction) = given.split_once('.').unwrap_or((given, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_plain = digits(whole.strip_prefix('-').unwrap_or(whole), 3) && digits(fraction, 17);
    let number = is_plain.then(|| given.parse::<f64>().ok()).flatten();
    number.filter(|number| number.abs() <= most).ok_or_else(|| {
        let detail = format!("expected degrees from -{most} to {most} in decimal notation");
        Problem::parameter("malformed_number", name, Some(given), detail, [format!("-{most} to {most}")])
    })
}

/// The one canonical spelling of a number above zero.
pub(super) fn shop_id(parameter: &str, given: &str) -> Result<ShopId, Refusal> {
    given.parse().map_err(|error: shop_id::NameError| {
        let allowed = ["1 to 18446744073709551615 without leading zeros"];
        Problem::parameter("malformed_id", parameter, Some(given), error.to_string(), allowed)
    })
}

/// IDs between commas; one that is there twice counts once.
pub(super) fn shop_ids(given: &str) -> Result<Vec<ShopId>, Refusal> {
    let mut shop_ids = Vec::new();
    for piece in given.split(',') {
        let shop_id = shop_id("ids", piece)?;
        if !shop_ids.contains(&shop_id) {
            shop_ids.push(shop_id);
        }
        if shop_ids.len() > BATCH_SHOPS_MAX {
            let detail = format!("a batch has at most {BATCH_SHOPS_MAX} shops; ask twice");
            let allowed = [format!("1 to {BATCH_SHOPS_MAX} IDs")];
            return Err(Problem::parameter("too_many_ids", "ids", Some(given), detail, allowed));
        }
    }
    Ok(shop_ids)
}

/// `ids` with nothing behind it, or not at all where it has to be.
pub(super) fn no_ids() -> Refusal {
    let detail = "`ids` names no shop; put IDs behind it, between commas";
    let allowed = [format!("1 to {BATCH_SHOPS_MAX} IDs, for example ids=1,2")];
    Problem::parameter("missing_parameter", "ids", None, detail, allowed)
}

/// Of a writer that has a part in the document.
pub(super) fn min_revision(parameters: &Parameters<'_>) -> Result<Option<RevisionToken>, Refusal> {
    let Some(given) = parameters.get("min_revision") else { return Ok(None) };
    let refuse = |detail: String| {
        let allowed = Writer::OF_THE_DOCUMENT.map(|writer| format!("{writer}:<epoch>-<counter>"));
        Problem::parameter("malformed_revision", "min_revision", Some(given), detail, allowed)
    };
    let token: RevisionToken =
        given.parse().map_err(|error: shop_id::NameError| refuse(error.to_string()))?;
    if Writer::OF_THE_DOCUMENT.contains(&token.writer) {
        Ok(Some(token))
    } else {
        Err(refuse(format!("`{}` has no part in what is read here", token.writer)))
    }
}

/// A word in lower case.
pub(super) fn category(parameters: &Parameters<'_>) -> Result<Option<Arc<str>>, Refusal> {
    let Some(given) = parameters.get("category") else { return Ok(None) };
    let category = given.to_lowercase();
    if category.len() <= CATEGORY_BYTES_MAX && !category.chars().any(char::is_control) {
        return Ok(Some(Arc::from(category)));
    }
    let allowed = [format!("a word of up to {CATEGORY_BYTES_MAX} bytes")];
    let detail = "this is no category; cards name theirs under `categories`";
    Err(Problem::parameter("malformed_category", "category", Some(given), detail, allowed))
}

/// A sort's name, in any case.
pub(super) fn sort(parameters: &Parameters<'_>) -> Result<Option<Sort>, Refusal> {
    let Some(given) = parameters.get("sort") else { return Ok(None) };
    Sort::from_name(&given.to_ascii_lowercase()).map(Some).ok_or_else(|| {
        let names = Sort::ALL.map(Sort::name);
        Problem::parameter("unknown_sort", "sort", Some(given), "there is no such sort", names)
    })
}

/// Looked into by the search; here only that it is not absurd.
pub(super) fn cursor(parameters: &Parameters<'_>) -> Result<Option<Arc<str>>, Refusal> {
    let Some(given) = parameters.get("cursor") else { return Ok(None) };
    if given.len() <= CURSOR_BYTES_MAX && given.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(Arc::from(given)))
    } else {
        Err(malformed_cursor(given, "this is no cursor".to_owned()))
    }
}

/// `400`: also for what only the search notices.
pub(crate) fn malformed_cursor(given: &str, detail: String) -> Refusal {
    let allowed = ["`next_cursor` of the page before, or nothing for the first page"];
    Problem::parameter("malformed_cursor", "cursor", Some(given), detail, allowed)
}
