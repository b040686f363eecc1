//! Files of open data -> shops at the shop writer.
//!
//! In: files, a mapping. Out: shops, created once however often they are imported, and every bad row by place
//! and reason. It deliberately does not know the read side: what is imported becomes visible like any change.

pub mod decode; //     bytes of any encoding  -> UTF-8
pub mod hours; //      `Mo-Fr 09:00-18:00`    -> weekly hours
pub mod mapping; //    what is known about a data set
mod currencies; //     ISO 4217
mod own_values; //     what a mapping itself puts into rows -> refused where it cannot be right
mod mapping_reader; // TOML                   -> Mapping
pub mod path; //       `a.b[0].c`             -> where a value stands
pub mod report; //     bad rows               -> lines, counts
pub mod rows; //       a file                 -> rows
pub mod send; //       bulks                  -> the writer's outcomes
pub mod shape; //      row + mapping          -> ShopFacts (pure)
mod toml_keys; //      the keys of a mapping, refused by file:line
pub mod value; //      the recipe of one field

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::mapping::Mapping;
use self::report::{Counts, Place, Report};
use self::send::{BULK_BYTES_USUAL_MAX, BulkRow, BulkSender};
use self::shape::Shaped;
use self::value::Problem;
use writer_api::change::{BULK_ROWS_MAX, BulkOutcome, BulkSection, Outcome};

use crate::say::Say;

/// Where shops go, and how patiently.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Base address of the shop writer.
    pub shop: String,
    /// Base address of the ads writer; without it no campaigns are generated.
    pub ads: Option<String>,
    /// Base address of the reviews writer; without it no review counts are generated.
    pub reviews: Option<String>,
    /// So many bulks travel at the same time. With 1, shops get their IDs in the order of the rows.
    pub bulks_in_flight: usize,
    /// A writer may be away for so long.
    pub patience: Duration,
}

/// What one import reads.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// In this order.
    pub files: Vec<PathBuf>,
    /// All bad rows go here.
    pub errors: Option<PathBuf>,
    /// Of the generator.
    pub seed: u64,
    /// Where to; nowhere: everything is read, nothing is sent.
    pub targets: Option<Targets>,
}

/// Imports files, or checks whether they could be. Returns what became of every row.
///
/// # Errors
/// A file cannot be read, a writer stays away. Bad rows are no error.
pub async fn import(
    options: &ImportOptions,
    mapping: Mapping,
    say: Say,
) -> anyhow::Result<(Counts, Duration)> {
    let started = Instant::now();
    let report = Report::new(options.errors.as_deref(), say.clone()).map_err(|error| {
        let file = options.errors.as_deref().unwrap_or(Path::new("")).display();
        anyhow::anyhow!("`--errors {file}`: {error}; expected a file that may be written")
    })?;
    let report = if options.targets.is_some() { report } else { report.quiet() };
    let report = Arc::new(Mutex::new(report));
    let bytes = options.files.iter().map(|file| std::fs::metadata(file).map_or(0, |meta| meta.len())).sum();
    let bar = say.bar(ProgressBar::new(bytes).with_style(bytes_style()));
    let (rows, bulks) = mpsc::channel(2);
    let reader = {
        let (report, bar, options) = (report.clone(), bar.clone(), options.clone());
        tokio::task::spawn_blocking(move || read_files(&options, &mapping, &report, &bar, rows))
    };
    let sent = match &options.targets {
        Some(targets) => send_all(targets, bulks, &report, |_| {}).await,
        None => {
            count_all(bulks, &report).await;
            Ok(())
        }
    };
    // A writer that stays away closes the channel, which ends the reader: its own error is the better one.
    let read = reader.await?;
    sent?;
    read?;
    bar.finish_and_clear();
    let counts = take_counts(&report, &say)?;
    Ok((counts, started.elapsed()))
}

/// Ends a report that others may still hold.
pub(crate) fn take_counts(report: &Mutex<Report>, say: &Say) -> anyhow::Result<Counts> {
    let report = std::mem::replace(&mut *lock(report), Report::new(None, say.clone())?);
    Ok(report.finish())
}

pub(crate) fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes_style() -> ProgressStyle {
    // The template is a constant that `a_template_for_progress_can_be_read` reads.
    ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes} {elapsed}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn read_files(
    options: &ImportOptions,
    mapping: &Mapping,
    report: &Mutex<Report>,
    bar: &ProgressBar,
    bulks: mpsc::Sender<Vec<BulkRow>>,
) -> anyhow::Result<()> {
    let mut filler = Filler::new(bulks);
    for file in &options.files {
        let content = File::open(file).map_err(|error| anyhow::anyhow!("`{}`: {error}", file.display()))?;
        read_file(file, bar.wrap_read(content), mapping, options.seed, report, &mut filler)?;
    }
    filler.finish();
    Ok(())
}

/// Rows of one file, shaped and filled into bulks.
pub(crate) fn read_file(
    file: &Path,
    content: impl Read,
    mapping: &Mapping,
    seed: u64,
    report: &Mutex<Report>,
    filler: &mut Filler,
) -> anyhow::Result<()> {
    let name: Arc<str> = file.display().to_string().into();
    let columns = mapping.columns();
    rows::read(file, content, &mapping.input, &columns, &mut |row, json| {
        let place = Place { file: name.clone(), row };
        match json.and_then(|json| shape::shape(mapping, seed, &json)) {
            Ok(Shaped::Skipped) => lock(report).counts_mut().skipped += 1,
            Err(problem) => lock(report).bad(&place, &problem),
            Ok(Shaped::Shop(shop)) => {
                if !filler.is_new(&mapping.source, &shop.key) {
                    lock(report).bad(&place, &Problem::new("key stands on an earlier row already", shop.key));
                    return true;
                }
                for note in &shop.notes {
                    lock(report).note(&place, note);
                }
                let shop = shop.from(&mapping.source);
                if let Some(problem) = shape::refused(&shop.row) {
                    lock(report).bad(&place, &problem);
                    return true;
                }
                return filler.push(place, shop);
            }
        }
        true
    })?;
    Ok(())
}

/// Collects shops into bulks and hands full ones on; waits while enough bulks travel.
pub(crate) struct Filler {
    bulks: mpsc::Sender<Vec<BulkRow>>,
    rows: Vec<BulkRow>,
    bytes: usize,
    /// Hashes of the identities so far: eight bytes a shop, so that a million shops need some 16 MB.
    keys: HashSet<u64>,
}

impl Filler {
    pub(crate) fn new(bulks: mpsc::Sender<Vec<BulkRow>>) -> Self {
        Self { bulks, rows: Vec::new(), bytes: 0, keys: HashSet::new() }
    }

    fn is_new(&mut self, source: &str, key: &str) -> bool {
        let seed = xxhash_rust::xxh3::xxh3_64(source.as_bytes());
        self.keys.insert(xxhash_rust::xxh3::xxh3_64_with_seed(key.as_bytes(), seed))
    }

    /// `false` when nobody takes bulks any more.
    pub(crate) fn push(&mut self, place: Place, shop: shape::SourcedShop) -> bool {
        // Facts are strings, numbers and lists: nothing in them can fail to be JSON.
        let Ok(body) = serde_json::to_vec(&shop.row) else { return true };
        if self.rows.len() == BULK_ROWS_MAX || self.bytes + body.len() > BULK_BYTES_USUAL_MAX {
            self.hand_on();
        }
        self.bytes += body.len();
        self.rows.push(BulkRow { place, body, ads: shop.ads, reviews: shop.reviews });
        !self.bulks.is_closed()
    }

    fn hand_on(&mut self) {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            // Nobody there to take it: the sender has failed and says why.
            drop(self.bulks.blocking_send(rows));
        }
    }

    pub(crate) fn finish(mut self) {
        self.hand_on();
    }
}

/// What would have been sent.
async fn count_all(mut bulks: mpsc::Receiver<Vec<BulkRow>>, report: &Mutex<Report>) {
    while let Some(bulk) = bulks.recv().await {
        lock(report).counts_mut().importable += bulk.len() as u64;
    }
}

/// Sends bulks until no more come, several at the same time. `sent` is told how many rows each bulk had.
pub(crate) async fn send_all(
    targets: &Targets,
    mut bulks: mpsc::Receiver<Vec<BulkRow>>,
    report: &Arc<Mutex<Report>>,
    mut sent: impl FnMut(usize),
) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let sender = |base: &str, of: &str| BulkSender::new(client.clone(), base, of, targets.patience);
    let writers = Arc::new(Writers {
        shop: sender(&targets.shop, "shops"),
        ads: targets.ads.as_deref().map(|base| sender(base, "ads")),
        reviews: targets.reviews.as_deref().map(|base| sender(base, "reviews")),
    });
    let mut in_flight = JoinSet::new();
    loop {
        tokio::select! {
            bulk = bulks.recv(), if in_flight.len() < targets.bulks_in_flight.max(1) => {
                let Some(bulk) = bulk else { break };
                let (writers, report) = (writers.clone(), report.clone());
                in_flight.spawn(async move { writers.send(bulk, &report).await });
            }
            Some(done) = in_flight.join_next() => sent(done??),
        }
    }
    while let Some(done) = in_flight.join_next().await {
        sent(done??);
    }
    Ok(())
}

struct Writers {
    shop: BulkSender,
    ads: Option<BulkSender>,
    reviews: Option<BulkSender>,
}

impl Writers {
    async fn send(&self, bulk: Vec<BulkRow>, report: &Mutex<Report>) -> anyhow::Result<usize> {
        let bodies: Vec<&[u8]> = bulk.iter().map(|row| row.body.as_slice()).collect();
        let outcomes = self.shop.send(&bodies).await?;
        count(&bulk, &outcomes, report);
        let (mut ads, mut reviews) = (Vec::new(), Vec::new());
        for (row, outcome) in bulk.iter().zip(&outcomes) {
            let Some(shop_id) = outcome.shop_id else { continue };
            if let Some(facts) = &row.ads {
                ads.push((&row.place, serde_json::to_vec(&BulkSection { shop_id, facts })?));
            }
            if let Some(facts) = &row.reviews {
                reviews.push((&row.place, serde_json::to_vec(&BulkSection { shop_id, facts })?));
            }
        }
        send_sections(self.ads.as_ref(), &ads, "campaigns", report).await?;
        send_sections(self.reviews.as_ref(), &reviews, "reviews", report).await?;
        Ok(bulk.len())
    }
}

async fn send_sections(
    sender: Option<&BulkSender>,
    sections: &[(&Place, Vec<u8>)],
    what: &str,
    report: &Mutex<Report>,
) -> anyhow::Result<()> {
    let Some(sender) = sender else { return Ok(()) };
    let bodies: Vec<&[u8]> = sections.iter().map(|(_, body)| body.as_slice()).collect();
    for ((place, _), outcome) in sections.iter().zip(sender.send(&bodies).await?) {
        if outcome.outcome == Outcome::Refused {
            let why = outcome.reason.unwrap_or_default();
            let problem = Problem::because(format!("the writer refused the {what}"), &why);
            lock(report).note(place, &problem);
        }
    }
    Ok(())
}

fn count(bulk: &[BulkRow], outcomes: &[BulkOutcome], report: &Mutex<Report>) {
    let mut report = lock(report);
    for (row, outcome) in bulk.iter().zip(outcomes) {
        let counts = report.counts_mut();
        match outcome.outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Changed => counts.changed += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Refused => {
                let why = outcome.reason.clone().unwrap_or_default();
                report.bad(&row.place, &Problem::because("the shop writer refused the row", &why));
            }
        }
    }
}

#[cfg(test)]
mod tests;
