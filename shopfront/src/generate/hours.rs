//! Opening hours: morning, day, evening and night kitchens, so that at any hour some are open and some closed.

use rand::{RngExt as _, rngs::StdRng};
use writer_api::facts::{Day, OpeningHours};

use super::Generator;

const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

/// When a kind of kitchen opens and closes, in minutes of the day; above 1,440 is the next day.
struct Rhythm {
    opens: (u32, u32),
    closes: (u32, u32),
    /// Chance of a break in the afternoon.
    breaks: f64,
    /// Chance of a day off.
    rests: f64,
}

fn rhythm_of(category: Option<&str>) -> Rhythm {
    match category {
        Some("cafe" | "bakery" | "sandwiches") => {
            Rhythm { opens: (360, 510), closes: (930, 1_110), breaks: 0.0, rests: 0.35 }
        }
        Some("groceries") => Rhythm { opens: (360, 480), closes: (1_260, 1_440), breaks: 0.0, rests: 0.02 },
        Some("chicken" | "turkish" | "pizza" | "burgers") => {
            Rhythm { opens: (660, 990), closes: (1_380, 1_740), breaks: 0.05, rests: 0.1 }
        }
        Some("desserts") => Rhythm { opens: (780, 960), closes: (1_380, 1_560), breaks: 0.0, rests: 0.15 },
        Some("pub") => Rhythm { opens: (690, 780), closes: (1_320, 1_440), breaks: 0.15, rests: 0.1 },
        _ => Rhythm { opens: (690, 1_050), closes: (1_290, 1_410), breaks: 0.35, rests: 0.25 },
    }
}

impl Generator<'_> {
    /// Weekly hours that suit the first category that is a cuisine.
    #[must_use]
    pub fn opening_hours(&self, categories: &[String]) -> Vec<OpeningHours> {
        let mut chance = self.chance("opening_hours");
        let around_the_clock = chance.random_bool(0.03);
        let category = categories.iter().map(String::as_str).find(|category| super::is_cuisine(category));
        let rhythm = rhythm_of(category);
        let (opens, closes) = (quarter(&mut chance, rhythm.opens), quarter(&mut chance, rhythm.closes));
        let break_at =
            (opens < 780 && closes > 1_200 && chance.random_bool(rhythm.breaks)).then_some((870, 1_050));
        let day_off = chance.random_bool(rhythm.rests).then(|| WEEK[chance.random_range(0..2) * 6 % 7]);
        let later_on = if chance.random_bool(0.4) { 60 } else { 0 };
        let mut hours = Vec::with_capacity(14);
        for day in WEEK {
            if around_the_clock {
                hours.push(range(day, 0, 1_440));
                continue;
            }
            if day_off == Some(day) {
                continue;
            }
            let closes = if matches!(day, Day::Fri | Day::Sat) { closes + later_on } else { closes };
            match break_at {
                Some((from, until)) => {
                    hours.push(range(day, opens, from));
                    hours.push(range(day, until, closes));
                }
                None => hours.push(range(day, opens, closes)),
            }
        }
        hours
    }
}

fn quarter(chance: &mut StdRng, (from, to): (u32, u32)) -> u32 {
    chance.random_range(from..=to) / 15 * 15
}

fn range(day: Day, opens: u32, closes: u32) -> OpeningHours {
    OpeningHours {
        day,
        opens: clock(opens),
        closes: if closes == 1_440 { "24:00".to_owned() } else { clock(closes) },
    }
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Open at this minute of this day, looking at ranges that began on the same day or the day before.
    fn is_open(hours: &[OpeningHours], day: usize, minute: u32) -> bool {
        let minutes = |text: &str| {
            let (hour, minute) = text.split_once(':').unwrap();
            hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
        };
        hours.iter().any(|range| {
            let (opens, closes) = (minutes(&range.opens), minutes(&range.closes));
            let closes = if closes <= opens { closes + 1_440 } else { closes };
            (range.day == WEEK[day] && (opens..closes).contains(&minute))
                || (range.day == WEEK[(day + 6) % 7] && (opens..closes).contains(&(minute + 1_440)))
        })
    }

    #[test]
    fn at_every_hour_of_the_week_some_shops_are_open_and_some_are_closed() {
        let categories = ["cafe", "chicken", "indian", "groceries", "pub", "thai", "desserts"];
        let shops: Vec<Vec<OpeningHours>> = (0..1_000_usize)
            .map(|number| {
                let key = number.to_string();
                let shop = Generator { seed: 1, source: "test", key: &key, currency: "GBP" };
                shop.opening_hours(&[categories[number % categories.len()].to_owned()])
            })
            .collect();
        for (day, hour) in (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
            let open = shops.iter().filter(|hours| is_open(hours, day, hour * 60)).count();
            assert!((10..=990).contains(&open), "{open} of 1000 open on day {day} at {hour}");
        }
    }
}
