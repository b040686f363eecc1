//! What is asked: the segments of one commit, opened once and never changed. Asking them takes no lock.

use std::fmt;
use std::io;
use std::sync::Arc;

use h3o::CellIndex;
use tantivy::columnar::Column;
use tantivy::index::{InvertedIndexReader, SegmentId};
use tantivy::postings::SegmentPostings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, Searcher, SegmentReader, TERMINATED, Term};

use super::grams::Word;
use super::writing::Fields;

/// See the module.
pub(crate) struct Segments {
    segments: Vec<Segment>,
    fields: Fields,
    /// So many were there.
    commits: u64,
}

struct Segment {
    /// Knows which shops were deleted.
    reader: SegmentReader,
    cells: Arc<InvertedIndexReader>,
    grams: Arc<InvertedIndexReader>,
    numbers: Column<u64>,
}

/// A shop that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) shop_number: u32,
    /// Pairs of the question that it has.
    pub(crate) matched: u8,
}

/// A shop that delivers to the cell, while words are looked up.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    doc: DocId,
    /// Of the words before.
    matched: u8,
    /// Of the word that is being looked up.
    in_word: u8,
}

impl Segments {
    pub(crate) fn of(searcher: &Searcher, fields: Fields, commits: u64) -> tantivy::Result<Self> {
        let open = |reader: &SegmentReader| {
            Ok(Segment {
                cells: reader.inverted_index(fields.cells)?,
                grams: reader.inverted_index(fields.grams)?,
                numbers: reader.fast_fields().u64("number")?,
                reader: reader.clone(),
            })
        };
        let segments = searcher.segment_readers().iter().map(open).collect::<tantivy::Result<_>>()?;
        Ok(Self { segments, fields, commits })
    }

    pub(crate) fn count(&self) -> usize {
        self.segments.len()
    }

    /// Whether they are the newest: of the last commit, and not merged since.
    pub(crate) fn are(&self, ids: &[SegmentId], commits: u64) -> bool {
        (self.commits, self.segments.len()) == (commits, ids.len())
            && self.segments.iter().all(|segment| ids.contains(&segment.reader.segment_id()))
    }

    /// Shops that deliver to the cell and have enough of each word.
    pub(crate) fn find(&self, cell: CellIndex, words: &[Word]) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut candidates = Vec::new();
        let cell = Term::from_field_u64(self.fields.cells, u64::from(cell));
        for segment in &self.segments {
            candidates.clear();
            segment.deliver_to(&cell, &mut candidates)?;
            for word in words {
                if candidates.is_empty() {
                    break;
                }
                for &gram in &word.grams {
                    segment.count(&Term::from_field_u64(self.fields.grams, gram), &mut candidates)?;
                }
                candidates.retain(|candidate| candidate.in_word >= word.needed);
                for candidate in &mut candidates {
                    candidate.matched += candidate.in_word;
                    candidate.in_word = 0;
                }
            }
            found.extend(candidates.iter().filter_map(|candidate| segment.found(*candidate)));
        }
        Ok(found)
    }
}

impl Segment {
    fn deliver_to(&self, cell: &Term, candidates: &mut Vec<Candidate>) -> io::Result<()> {
        let Some(mut shops) = postings(&self.cells, cell)? else { return Ok(()) };
        let alive = self.reader.alive_bitset();
        while shops.doc() != TERMINATED {
            let doc = shops.doc();
            if alive.is_none_or(|alive| alive.is_alive(doc)) {
                candidates.push(Candidate { doc, matched: 0, in_word: 0 });
            }
            shops.advance();
        }
        Ok(())
    }

    fn count(&self, gram: &Term, candidates: &mut [Candidate]) -> io::Result<()> {
        let Some(mut shops) = postings(&self.grams, gram)? else { return Ok(()) };
        for candidate in candidates {
            if shops.doc() < candidate.doc && shops.seek(candidate.doc) == TERMINATED {
                break;
            }
            candidate.in_word += u8::from(shops.doc() == candidate.doc);
        }
        Ok(())
    }

    fn found(&self, candidate: Candidate) -> Option<Found> {
        let shop_number = u32::try_from(self.numbers.first(candidate.doc)?).ok()?;
        Some(Found { shop_number, matched: candidate.matched })
    }
}

fn postings(index: &InvertedIndexReader, term: &Term) -> io::Result<Option<SegmentPostings>> {
    index.read_postings(term, IndexRecordOption::Basic)
}

impl fmt::Debug for Segments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Segments").field("count", &self.count()).finish_non_exhaustive()
    }
}
