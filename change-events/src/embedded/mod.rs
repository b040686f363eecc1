//! Files: `<events>/<writer>/<subscriber>.sqlite`, one queue per subscriber and writer.
//!
//! Publishers find subscribers by looking into the directory, so a new one costs them nothing, and write each queue by
//! itself, so a slow one blocks nobody. Nothing is synced: after a power loss changed-since makes good. A bell file
//! beside each queue is written after each publish and watched by the consumer, so that waiting costs no polling.

mod consumer; //  a queue        -> deliveries
mod publisher; // events         -> every queue of their writer
mod queue; //     one SQLite file

pub use consumer::{EmbeddedConsumer, EmbeddedOptions};
pub use publisher::EmbeddedPublisher;
