//! The bytes of a page -> fewer bytes, twice: quickly for a page that was just made, thoroughly for one that is sent
//! again and again.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderValue;

use crate::coding::{Accepted, CODINGS, Coding};

/// Smaller pages fit one packet either way.
const WORTH_PACKING_BYTES: usize = 512;
/// A kept page asked for so often in one coding is packed thoroughly: what that costs is then soon saved.
const ASKED_OFTEN: u32 = 4;

/// How much work a form is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For a page that may be sent once.
    Quick,
    /// For one that is sent again.
    Thorough,
}

/// One packed form of one page.
#[derive(Clone, Debug)]
pub struct Packed {
    /// How.
    pub coding: Coding,
    /// The body.
    pub body: Bytes,
    /// The page's tag with coding and level, since other bytes need another strong validator.
    pub tag: HeaderValue,
}

/// Figures of a page of 25 London cards: `cargo bench -p benches --bench compression`.
const fn level_of(coding: Coding, effort: Effort) -> i32 {
    match (coding, effort) {
        (Coding::Zstd | Coding::Gzip, Effort::Quick) => 1,
        (Coding::Zstd, Effort::Thorough) => 9,
        (Coding::Gzip, Effort::Thorough) => 8,
        (Coding::Br, Effort::Thorough) => 5,
        // Only for who takes nothing else: it packs less well than what is as quick.
        (Coding::Br, Effort::Quick) => 1,
    }
}

/// The codings that can be made for a page that may be sent once.
pub const QUICK: [Coding; 2] = [Coding::Zstd, Coding::Gzip];

/// A form that is made for one answer; `None`: the plain bytes are better, or all that is welcome.
#[must_use]
pub fn packed_quickly(body: &Bytes, tag: &HeaderValue, accepted: &Accepted) -> Option<Packed> {
    let must_be_packed = accepted.is_plain_forbidden();
    match accepted.best_of(&QUICK) {
        Some(coding) => packed(coding, Effort::Quick, body, tag, must_be_packed),
        None if must_be_packed => packed(accepted.best()?, Effort::Quick, body, tag, true),
        None => None,
    }
}

fn packed(coding: Coding, effort: Effort, body: &Bytes, tag: &HeaderValue, must_be: bool) -> Option<Packed> {
    if body.len() < WORTH_PACKING_BYTES && !must_be {
        return None;
    }
    let level = level_of(coding, effort);
    let fewer = pack(coding, level, body).filter(|fewer| must_be || fewer.len() < body.len() / 2)?;
    Some(Packed { coding, body: Bytes::from(fewer), tag: tag_of(tag, coding, level)? })
}

/// `"0123…"` becomes `"0123…-zstd1"`: the same page packed in the same way is the same bytes at every query server.
fn tag_of(tag: &HeaderValue, coding: Coding, level: i32) -> Option<HeaderValue> {
    let open = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::from_maybe_shared(Bytes::from(format!("{open}-{}{level}\"", coding.name()))).ok()
}

thread_local! {
    // Their tables cost more than packing a page does; a thread packs one page at a time.
    static ZSTD: RefCell<[Option<zstd::bulk::Compressor<'static>>; 2]> = const { RefCell::new([None, None]) };
    static GZIP: RefCell<[Option<libdeflater::Compressor>; 2]> = const { RefCell::new([None, None]) };
}

fn pack(coding: Coding, level: i32, body: &[u8]) -> Option<Vec<u8>> {
    match coding {
        Coding::Zstd => ZSTD.with_borrow_mut(|held| {
            let compressor = &mut held[usize::from(level > 1)];
            if compressor.is_none() {
                *compressor = zstd::bulk::Compressor::new(level).ok();
            }
            let mut out = compressor.as_mut()?.compress(body).ok()?;
            // It has room for what does not pack at all, and may be kept for long.
            out.shrink_to_fit();
            Some(out)
        }),
        Coding::Gzip => GZIP.with_borrow_mut(|held| {
            let level = libdeflater::CompressionLvl::new(level).ok()?;
            let compressor = held[usize::from(level > libdeflater::CompressionLvl::fastest())]
                .get_or_insert_with(|| libdeflater::Compressor::new(level));
            let mut out = vec![0; compressor.gzip_compress_bound(body.len())];
            let length = compressor.gzip_compress(body, &mut out).ok()?;
            out.truncate(length);
            out.shrink_to_fit();
            Some(out)
        }),
        Coding::Br => {
            let window_bits =
                i32::try_from(usize::BITS - body.len().leading_zeros()).unwrap_or(22).clamp(10, 22);
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: level,
                lgwin: window_bits,
                size_hint: body.len(),
                ..Default::default()
            };
            let mut out = Vec::with_capacity(body.len() / 4);
            brotli::BrotliCompress(&mut &*body, &mut out, &parameters).ok()?;
            out.shrink_to_fit();
            Some(out)
        }
    }
}

/// The packed forms of one kept page, made when they are asked for. Nobody waits: of many that find no form one keeps
/// what it makes, the others make their own.
#[derive(Debug, Default)]
pub struct Forms {
    by_coding: [Form; CODINGS.len()],
    kept_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Form {
    asked: AtomicU32,
    quick: Place,
    thorough: Place,
}

/// Where a form is kept once it is made; `Some(None)`: packing does not help.
#[derive(Debug, Default)]
struct Place {
    is_taken: AtomicBool,
    made: OnceLock<Option<Packed>>,
}

impl Forms {
    /// None yet but this one.
    #[must_use]
    pub fn of(made: Option<&Packed>, body: &Bytes) -> Self {
        let forms = Self::default();
        if let Some(made) = made {
            let form = &forms.by_coding[made.coding as usize];
            form.asked.store(1, Ordering::Relaxed);
            forms.keep(&form.quick, Some(made), body);
        }
        forms
    }

    /// The form for a client; `None`: the plain bytes.
    #[must_use]
    pub fn get(&self, body: &Bytes, tag: &HeaderValue, accepted: &Accepted) -> Option<Packed> {
        let coding = accepted.best()?;
        if accepted.is_plain_forbidden() {
            let form = &self.by_coding[coding as usize];
            let made = [&form.thorough, &form.quick].into_iter().find_map(|place| place.made.get()?.clone());
            return made.or_else(|| packed_quickly(body, tag, accepted));
        }
        let form = &self.by_coding[coding as usize];
        if let Some(thorough) = form.thorough.made.get() {
            return thorough.clone();
        }
        // The one that makes it four takes its time; who comes meanwhile does not wait.
        if form.asked.fetch_add(1, Ordering::Relaxed) + 1 == ASKED_OFTEN {
            let thorough = packed(coding, Effort::Thorough, body, tag, false);
            self.keep(&form.thorough, thorough.as_ref(), body);
            return thorough;
        }
        let coding = accepted.best_of(&QUICK)?;
        let form = &self.by_coding[coding as usize];
        if let Some(quick) = form.quick.made.get() {
            return quick.clone();
        }
        let quick = packed(coding, Effort::Quick, body, tag, false);
        self.keep(&form.quick, quick.as_ref(), body);
        quick
    }

    /// Within what the page was charged, and only the first one.
    fn keep(&self, place: &Place, made: Option<&Packed>, body: &Bytes) {
        let bytes = made.map_or(0, |made| made.body.len());
        let before = self.kept_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > forms_bytes_max(body.len()) || place.is_taken.swap(true, Ordering::Relaxed) {
            self.kept_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        // Taken by us alone, so it is empty, and nobody is at it.
        drop(place.made.set(made.cloned()));
    }
}

/// What all packed forms of a page may take together. Five of them take two thirds of a list of London, of a small page a
/// little more than the page.
#[must_use]
pub const fn forms_bytes_max(body_bytes: usize) -> usize {
    body_bytes + 1_024
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_ENCODING, HeaderMap};

    use super::*;

    fn accepted(named: &'static str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(named));
        Accepted::of(&headers)
    }

    const TAG: HeaderValue = HeaderValue::from_static("\"0123\"");

    #[test]
    fn what_is_small_or_does_not_get_smaller_is_sent_as_it_is() {
        let noise: Vec<u8> = (0_u64..4_000)
            .flat_map(|number| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()).to_le_bytes())
            .collect();
        for body in [Bytes::from_static(b"{}"), Bytes::from(noise)] {
            for named in ["zstd", "gzip", "br"] {
                assert!(packed_quickly(&body, &TAG, &accepted(named)).is_none());
                let forms = Forms::default();
                assert!((0..8).all(|_| forms.get(&body, &TAG, &accepted(named)).is_none()));
            }
        }
    }

    #[test]
    fn packed_forms_stay_within_what_their_page_is_charged() {
        // Packs to a third and a bit.
        let body: String = (0_u64..2_000).map(|number| format!("{:x}", number * number * 7_919)).collect();
        let (body, forms) = (Bytes::from(body), Forms::default());
        for _ in 0..6 {
            for named in ["zstd", "gzip", "br"] {
                drop(forms.get(&body, &TAG, &accepted(named)));
            }
        }
        let kept = forms.by_coding.iter().flat_map(|form| [&form.quick, &form.thorough]);
        let kept: usize = kept.filter_map(|place| Some(place.made.get()?.as_ref()?.body.len())).sum();
        assert_eq!(kept, forms.kept_bytes.load(Ordering::Relaxed));
        assert!(kept > 0 && kept <= forms_bytes_max(body.len()), "{kept} of {}", body.len());
    }
}
