//! Review summaries: heavy-tailed counts, better kitchens with more fives.

use jiff::{Timestamp, ToSpan as _, civil::date, tz::TimeZone};
use rand::RngExt as _;
use writer_api::facts::{Review, ReviewFacts};

use super::{Generator, normal};

const TEXTS: [&[&str]; 5] = [
    &["Arrived cold and an hour late.", "Wrong order, nobody picked up the phone."],
    &["Portions have become small.", "Tasted fine, but the bag had leaked."],
    &["Decent for the price.", "Good food, slow delivery."],
    &["Really tasty, will order again.", "Hot and well packed."],
    &["Best in the neighbourhood!", "Perfect as always.", "So good, and ten minutes early."],
];

impl Generator<'_> {
    /// Counts by stars and up to three texts. The median shop has some 60 ratings, one in a hundred over 1,500.
    #[must_use]
    pub fn reviews(&self) -> ReviewFacts {
        let mut chance = self.chance("reviews");
        // Clamped to 0..=50,000 before the cast.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = (60.0 * (1.4 * normal(&mut chance)).exp()).clamp(0.0, 50_000.0) as u32;
        let quality: f64 = (0.55 * normal(&mut chance)).clamp(-1.5, 1.2);
        let mut weights = [0.0_f64; 5];
        for (stars, weight) in (1_u32..).zip(&mut weights) {
            *weight = ((f64::from(stars) - 3.0) * (0.75 + quality)).exp();
        }
        let all: f64 = weights.iter().sum();
        let mut by_stars = [0_u32; 5];
        for (given, weight) in by_stars.iter_mut().zip(weights) {
            // A share of `count`, so not larger than it.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let share = (f64::from(count) * weight / all).round() as u32;
            *given = share;
        }
        let latest = self.latest(&mut chance, &by_stars);
        ReviewFacts { by_stars, latest, generated: vec!["by_stars".to_owned(), "latest".to_owned()] }
    }

    fn latest(&self, chance: &mut rand::rngs::StdRng, by_stars: &[u32; 5]) -> Vec<Review> {
        let given: Vec<usize> = (0..5).filter(|&stars| by_stars[stars] > 0).collect();
        if given.is_empty() {
            return Vec::new();
        }
        let Ok(newest) = date(2025, 12, 31).to_zoned_datetime(TimeZone::UTC) else { return Vec::new() };
        let mut at: Timestamp = newest.timestamp();
        let mut latest = Vec::new();
        for _ in 0..chance.random_range(0..=3) {
            let earlier = i64::from(chance.random_range(60..200_000_u32));
            at = at.checked_sub(earlier.minutes()).unwrap_or(at);
            let stars =
                given[given.len() - 1 - chance.random_range(0..given.len()) * chance.random_range(0..2)];
            let texts = TEXTS[stars];
            let text = texts[chance.random_range(0..texts.len())].to_owned();
            latest.push(Review { stars: u8::try_from(stars + 1).unwrap_or(5), text, at });
        }
        latest
    }
}
