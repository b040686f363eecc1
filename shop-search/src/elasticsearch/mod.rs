//! Shop search over Elasticsearch 9 or OpenSearch 3: the same questions and the same answers as the embedded index.
//!
//! In: list parts and the positions of their saves, in bulks; questions. Out: documents of an index that hold what the
//! embedded lists compare, as whole numbers; at most 26 places for a question, of which the cursors are those of the
//! embedded lists, to the letter. Nothing needs a script, and nothing but IDs and sort values comes back.
//!
//! # One question
//!
//! A score puts open shops first (weekly minutes of each zone that occurs, pauses as seconds), then, as the order wants
//! it, running ads by weight or matching pairs; a whole number and the ID do the rest. By distance the engine's metres
//! only choose who is looked at: what is compared are ours, so a few neighbours more are asked for. A second search in
//! the same request says when the clock next changes any shop of the list. Where summer begins or ends before, that
//! moment is said instead: earlier than needed, never too late.
//!
//! # Korean
//!
//! `grams` holds the pairs of characters of the embedded text search, so both find the same. An index with Nori finds
//! beside that what shares all morphemes with the text; such shops stand behind all that match by pairs.
//!
//! # While the engine is away
//!
//! A question is late after three times the usual time and then asked a second time, for at most one question in ten.
//! What it does not answer within its patience is answered by the last good page, which says so; after three failures
//! in a row only one question each half second tries.

mod error; //         what an engine can do wrong
mod connection; //    requests                        -> answers, bounded
mod mapping; //       what an index is made from
mod clock; //         an instant                      -> minutes on the walls of a zone, and back
mod document; //      a list part                     -> a document (pure)
mod bulk; //          changes                         -> written once, in the order of their saves
mod indexes; //       indexes of one name             -> built beside, swapped, taken back
mod keyset; //        a place in an order             -> sort values, and back (pure)
mod question; //      a question                      -> two searches (pure)
mod answer; //        what came back                  -> places, and how long they hold (pure)
mod patience; //      what is late                    -> asked once more, within a budget
mod asking; //        one question                    -> as many rounds as it takes
mod kept; //          answers                         -> given again for a second, or while the engine is away
mod engine_search; // all of it behind the handle
mod look; //          how an engine stands            -> for people

pub use asking::Asking;
pub use bulk::{Bulk, Version, Written};
pub use connection::Engine;
pub use engine_search::{EngineFigures, EngineLimits, EngineSearch};
pub use error::EngineError;
pub use indexes::{Index, Indexes};
pub use look::Look;
pub use mapping::{IndexLayout, MAPPING_VERSION};
