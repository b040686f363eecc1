//! How often which page is asked for: the curve of a real shop's product pages, see `benches/data/README.md`.

use anyhow::{Context, ensure};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const CURVE: &str = include_str!("../data/popularity-web07.csv");

/// Requests of each rank, the most popular first.
///
/// # Errors
/// When the committed file is not what it should be.
pub fn curve() -> anyhow::Result<Vec<u64>> {
    let rows = CURVE.lines().skip(1).zip(1_u64..);
    rows.map(|(row, expected)| {
        let (rank, requests) =
            row.split_once(',').with_context(|| format!("`{row}`, expected two columns"))?;
        ensure!(rank.parse() == Ok(expected), "rank `{rank}`, expected `{expected}`");
        requests.parse().with_context(|| format!("`{requests}` requests of rank {rank}"))
    })
    .collect()
}

/// In which order `requests` requests ask for the first `weights.len()` pages: each as often as its weight says, at
/// least once, mixed. The same for the same arguments, so that every contestant is asked the same.
///
/// # Errors
/// When there are more pages than requests.
pub fn order(weights: &[u64], requests: usize, seed: u64) -> anyhow::Result<Vec<usize>> {
    ensure!(!weights.is_empty() && weights.len() <= requests, "{} pages, {requests} requests", weights.len());
    let all: u64 = weights.iter().sum();
    ensure!(all > 0, "nobody asks for anything");
    // One for each page, the rest by weight; rounding down leaves a few, which go to the most popular.
    let rest = (requests - weights.len()) as u64;
    let mut times: Vec<u64> = weights.iter().map(|weight| 1 + weight * rest / all).collect();
    let left = requests as u64 - times.iter().sum::<u64>();
    let pages = times.len();
    for place in 0..left {
        times[usize::try_from(place)? % pages] += 1;
    }
    let mut order = Vec::with_capacity(requests);
    for (page, times) in times.into_iter().enumerate() {
        order.extend(std::iter::repeat_n(page, usize::try_from(times)?));
    }
    order.shuffle(&mut SmallRng::seed_from_u64(seed));
    Ok(order)
}

/// When requests arrive that do not wait for each other (Poisson): nanoseconds from the beginning.
#[must_use]
pub fn arrivals(per_second: f64, seconds: f64, seed: u64) -> Vec<u64> {
    let mut chance = SmallRng::seed_from_u64(seed);
    let (mut at, mut arrivals) = (0.0_f64, Vec::new());
    loop {
        // In (0, 1], so that the logarithm is finite.
        let uniform = 1.0 - chance.random::<f64>();
        at -= uniform.ln() / per_second;
        if at >= seconds {
            return arrivals;
        }
        // Nanoseconds of a run fit by far.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        arrivals.push((at * 1e9) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_falls_from_a_few_favourites() {
        let curve = curve().unwrap();
        assert_eq!((curve.len(), curve[0], curve[1]), (2_000, 1_421, 1_204));
        assert!(curve.is_sorted_by(|more, less| more >= less));
    }

    #[test]
    fn every_page_is_asked_for_and_favourites_as_often_as_the_curve_says() {
        let order = order(&[60, 30, 10, 0], 1_004, 7).unwrap();
        let times: Vec<usize> =
            (0..4).map(|page| order.iter().filter(|asked| **asked == page).count()).collect();
        assert_eq!(times, [601, 301, 101, 1]);
        assert_ne!(order[..20], [0; 20], "mixed");
    }

    #[test]
    fn everybody_is_asked_in_the_same_order() {
        let curve = curve().unwrap();
        assert_eq!(order(&curve[..300], 8_192, 1).unwrap(), order(&curve[..300], 8_192, 1).unwrap());
        assert_ne!(order(&curve[..300], 8_192, 1).unwrap(), order(&curve[..300], 8_192, 2).unwrap());
    }

    #[test]
    fn rounding_gives_neither_more_nor_fewer_requests() {
        for (weights, requests) in [(vec![1, 1, 1], 100), (vec![5], 7), (vec![3, 2, 2], 3)] {
            assert_eq!(order(&weights, requests, 1).unwrap().len(), requests, "{weights:?}");
        }
        assert!(order(&[1, 1], 1, 1).is_err());
        assert!(order(&[], 1, 1).is_err());
        assert!(order(&[0], 1, 1).is_err());
    }

    #[test]
    fn arrivals_come_at_the_rate_in_order_and_unevenly() {
        let arrivals = arrivals(1_000.0, 20.0, 3);
        assert!((19_500..20_500).contains(&arrivals.len()), "{}", arrivals.len());
        assert!(arrivals.is_sorted());
        assert!(arrivals.last().is_some_and(|last| *last < 20_000_000_000));
        let gaps: Vec<u64> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let short = gaps.iter().filter(|gap| **gap < 500_000).count();
        // Of a memoryless process 39 % of the gaps are below half the mean.
        assert!((7_400..8_200).contains(&short), "{short}");
    }
}
