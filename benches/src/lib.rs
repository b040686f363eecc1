//! How much the road costs: the comparison with peers and the freshness lag, measured from outside.
//!
//! In: running programs. Out: CPU microseconds per request, side by side in one interleaved run, and
//! milliseconds from a writer's commit to the reader. The steps inside are measured by `cargo bench`. It
//! deliberately asserts nothing: machines are shared, and a figure is evidence, not a test.
#![forbid(unsafe_code)]

pub mod cpu; //     process IDs                  -> CPU time spent by them
pub mod peers; //   nothing                      -> nginx and wrk, fetched under target/tools
pub mod sampled; // a query server of the demo   -> several hundred distinct pages with a popularity
pub mod wrk; //     URLs by popularity           -> requests per second, latencies

/// The middle one of some figures.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
