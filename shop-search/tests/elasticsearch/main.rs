//! Search engines, real ones: what the embedded lists promise, they promise too, and the two agree about any shops at all.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // what only the embedded tests use
#[path = "../lists/shops.rs"]
mod shops;
#[macro_use]
#[path = "../lists/conformance.rs"]
mod conformance;
#[allow(dead_code)] // as above
#[path = "../lists/any.rs"]
mod any;

mod remote; //   an index of a real engine behind the traits that the suite knows
mod agreeing; // any shops, any questions: both indexes walk through the same pages
mod korean; //   what Nori makes of names, pinned
mod writing; //  bulks in any order, indexes beside each other
mod fake; //     an engine that does what a real one cannot be made to do
mod faults; //   what is said and served while it does

macro_rules! on_engines {
    ($($promise:ident)*) => {
        mod elasticsearch {
            $(#[test]
            fn $promise() {
                crate::conformance::$promise(&crate::remote::Remote::elasticsearch());
            })*
        }

        mod opensearch {
            $(#[test]
            fn $promise() {
                crate::conformance::$promise(&crate::remote::Remote::opensearch());
            })*
        }
    };
}

each_promise_of_lists!(on_engines);
