//! How much the road costs: the comparison with peers and the freshness lag, measured from outside.
//!
//! In: running programs. Out: CPU microseconds per request, side by side in one interleaved run, and
//! milliseconds from a writer's commit to the reader. The steps inside are measured by `cargo bench`. It
//! deliberately asserts nothing: machines are shared, and a figure is evidence, not a test.
#![forbid(unsafe_code)]

// Getting servers to run
pub mod tools; //      nothing                     -> nginx, Varnish, Redis, wrk, fetched under target/tools
pub mod children; //   a command                   -> a server that answers, and is stopped
pub mod cpu; //        process IDs                 -> CPU time and memory

// Asking them
pub mod popularity; // a real shop's pages         -> how often each page is asked for, and when
pub mod wrk; //        requests in an order        -> as many answers as possible
pub mod http1; //      a request                   -> its answer
pub mod open_loop; //  requests at a fixed rate    -> latencies

pub mod program; //    a measurement               -> a program: its table, and no server left behind

// The comparison
pub mod page; //       a page                      -> its cards and IDs
pub mod card; //       JSON                        -> a card as typed programs see it
pub mod peer; //       sampled pages               -> what our own peers have in common
pub mod compare; //    all of the above            -> a table, a chart, verdicts on the targets

pub mod scale; //      stores of different sizes   -> a table of what grows how
pub mod spike; //      more load than fits         -> who is still answered
pub mod freshness; //  changes at a writer         -> how soon they are read
#[cfg(feature = "backends")]
pub mod backends; //   each store, SNS and SQS     -> tables of what they cost and how soon they tell

// The steps inside: benches/*.rs, tests/*.rs, examples/*.rs
pub mod documents; //  a number                    -> a shop of realistic size
pub mod resident; //   a few of them               -> a query server without sockets
pub mod instructions; // counted and expected      -> what became dearer, what cheaper

/// The middle one of some figures.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What goes on, for people who wait.
pub fn say(text: &str) {
    use std::io::Write as _;
    // A reader that went away is no error.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_figure_does_not_mind_an_outlier() {
        assert!((median(&[9.0, 8.0, 900.0]) - 9.0).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }
}
