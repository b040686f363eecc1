//! Turns waiting changes into segments of the engine. A shop whose words and cells are the ones of before costs a
//! comparison.

use std::fmt;
use std::sync::Arc;

use shop_document::ListPart;
use tantivy::directory::RamDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::{Field, NumericOptions, Schema};
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term,
};

use super::segments::Segments;
use super::shop_text::ShopText;
use super::waiting::Change;
use crate::AreaLists;

/// What the engine gathers before it closes a segment on its own; the least that it accepts.
const WRITER_BYTES: usize = 15_000_000;
/// Segments of about one size are merged from this number on: every question looks into each of them.
const MERGED_SEGMENTS: usize = 4;
/// Smaller ones are of one size.
const SMALL_SEGMENT_SHOPS: u32 = 2_000;
/// Sizes differ when one is four times the other.
const SIZE_LOG2: f64 = 2.0;
/// A segment with more dead shops than this is written anew.
const DEAD_SHARE_MAX: f32 = 0.25;

/// The fields of one indexed shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Its number in the area lists: to find its facts, and to delete it by.
    pub(crate) number: Field,
    /// Where it delivers to.
    pub(crate) cells: Field,
    /// What it is found by.
    pub(crate) grams: Field,
}

/// A place in `fingerprints`, and what belongs there after the commit.
type Noted = (u32, u64);

/// See the module.
pub(crate) struct Writing {
    lists: Arc<AreaLists>,
    directory: RamDirectory,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    /// `None`: its threads ended over an error; the next change starts new ones.
    writer: Option<IndexWriter>,
    /// What is indexed of each shop, by its number; 0: nothing.
    fingerprints: Vec<u64>,
    /// Whether a commit failed once: then `fingerprints` may know less than is indexed.
    is_unsure: bool,
    commits: u64,
    shops: u64,
}

impl Writing {
    pub(crate) fn new(lists: Arc<AreaLists>) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let indexed = NumericOptions::default().set_indexed();
        let fields = Fields {
            number: schema.add_u64_field("number", indexed.clone().set_fast()),
            cells: schema.add_u64_field("cells", indexed.clone()),
            grams: schema.add_u64_field("grams", indexed),
        };
        let directory = RamDirectory::create();
        // Nothing is stored, so no thread is needed for compressing it.
        let settings =
            IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
        let index = Index::create(directory.clone(), schema.build(), settings)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self {
            lists,
            directory,
            index,
            fields,
            reader,
            writer: None,
            fingerprints: Vec::new(),
            is_unsure: false,
            commits: 0,
            shops: 0,
        })
    }

    /// Indexes and commits. After an error all of it has to come again.
    pub(crate) fn index(&mut self, changes: &[Change]) -> tantivy::Result<()> {
        let committed = self.write(changes).and_then(|noted| self.commit(noted));
        if committed.is_err() {
            self.writer = None;
            self.is_unsure = true;
        }
        committed
    }

    /// What is committed, to be asked.
    pub(crate) fn segments(&self) -> tantivy::Result<Segments> {
        self.reader.reload()?;
        Segments::of(&self.reader.searcher(), self.fields, self.commits)
    }

    /// Whether these are what is committed, and merging in the background has put no others in their place.
    pub(crate) fn is_shown_by(&self, segments: &Segments) -> tantivy::Result<bool> {
        Ok(segments.are(&self.index.searchable_segment_ids()?, self.commits))
    }

    pub(crate) const fn shops(&self) -> u64 {
        self.shops
    }

    /// Segments that are asked, and those that are just being merged.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.directory.total_mem_usage() + self.fingerprints.capacity() * size_of::<u64>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn write(&mut self, changes: &[Change]) -> tantivy::Result<Vec<Noted>> {
        let belongs = |part: &Option<ListPart>| first_cell(part).is_some();
        let shops = changes.iter().map(|(shop_id, part)| (*shop_id, belongs(part)));
        let numbers = self.lists.shop_numbers(shops);
        // Neighbours stand side by side, so that the shops of one cell touch few blocks of a word's list.
        let mut ordered: Vec<_> = changes.iter().map(|(_, part)| part).zip(numbers).collect();
        ordered.sort_by_cached_key(|(part, _)| first_cell(part));
        let mut noted = Vec::new();
        for (part, number) in ordered {
            // Without a number it never stood in a list.
            let Some(number) = number else { continue };
            let text = part.as_ref().map(ShopText::of).filter(ShopText::can_be_found);
            let fingerprint = text.as_ref().map_or(0, ShopText::fingerprint);
            let held = self.fingerprints.get(number as usize).copied().unwrap_or(0);
            if held == fingerprint {
                continue;
            }
            self.replace(number, held != 0, text.as_ref())?;
            noted.push((number, fingerprint));
        }
        Ok(noted)
    }

    fn replace(&mut self, number: u32, is_held: bool, text: Option<&ShopText>) -> tantivy::Result<()> {
        let Fields { number: number_field, cells, grams } = self.fields;
        let is_unsure = self.is_unsure;
        let writer = self.writer()?;
        if is_held || is_unsure {
            writer.delete_term(Term::from_field_u64(number_field, u64::from(number)));
        }
        if let Some(text) = text {
            let mut document = TantivyDocument::new();
            document.add_u64(number_field, u64::from(number));
            text.cells.iter().for_each(|cell| document.add_u64(cells, *cell));
            text.grams.iter().for_each(|gram| document.add_u64(grams, *gram));
            writer.add_document(document)?;
        }
        Ok(())
    }

    fn commit(&mut self, noted: Vec<Noted>) -> tantivy::Result<()> {
        if noted.is_empty() {
            return Ok(());
        }
        self.writer()?.commit()?;
        self.commits += 1;
        for (number, fingerprint) in noted {
            let number = number as usize;
            if self.fingerprints.len() <= number {
                self.fingerprints.resize(number + 1, 0);
            }
            let held = std::mem::replace(&mut self.fingerprints[number], fingerprint);
            self.shops = self.shops + u64::from(fingerprint != 0) - u64::from(held != 0);
        }
        Ok(())
    }

    fn writer(&mut self) -> tantivy::Result<&mut IndexWriter> {
        if self.writer.is_none() {
            let options = IndexWriterOptions::builder()
                .memory_budget_per_thread(WRITER_BYTES)
                .num_worker_threads(1)
                .num_merge_threads(1)
                .build();
            let writer = self.index.writer_with_options(options)?;
            let mut policy = LogMergePolicy::default();
            policy.set_min_num_segments(MERGED_SEGMENTS);
            policy.set_min_layer_size(SMALL_SEGMENT_SHOPS);
            policy.set_level_log_size(SIZE_LOG2);
            policy.set_del_docs_ratio_before_merge(DEAD_SHARE_MAX);
            writer.set_merge_policy(Box::new(policy));
            self.writer = Some(writer);
        }
        self.writer.as_mut().ok_or_else(|| TantivyError::SystemError("no writer".to_owned()))
    }
}

fn first_cell(part: &Option<ListPart>) -> Option<u64> {
    part.as_ref()?.cells().next()
}

impl fmt::Debug for Writing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Writing").field("shops", &self.shops).finish_non_exhaustive()
    }
}
