//! The operator's command: bring shops in, run everything on one machine, look into the store.
//!
//! In: arguments. Out: sentences for people. It deliberately keeps no state of its own: shops belong to the
//! writers, documents to the store, and the demo only writes configurations and starts programs.
#![forbid(unsafe_code)]

pub mod command; //  arguments               -> what to do
pub mod demo; //     a directory             -> every program, running
pub mod doctor; //   configurations          -> whether all they lead to answers
pub mod generate; // seed + shop's identity  -> menus, hours, delivery, campaigns, reviews
pub mod import; //   files + mapping         -> shops at the writers
pub mod inspect; //  a store, a shop ID      -> what is stored of it
mod say; //          results, asides, progress
mod tether; //       a child's life ends with its parent's

pub use command::run;
pub use say::Say;
