//! Too much load is refused early, by priority: lists and searches first, own writes next, the order path last.
//!
//! **What overload is here.** Most requests are answered at once, within [`hyper::service::Service::call`], in 5 to 20 µs
//! on a worker. At no moment more of them are under way than there are threads, so a limit on requests in flight
//! never sees any; nor does their latency grow, which counts from the call. What grows is the time before: bytes lie in sockets,
//! connections stand in the run queue, and the threads do not get to them. So that is measured: each runtime has a
//! task that goes to the end of the run queue now and then and looks how long it takes to the head ([`delay`]): as
//! long as everybody's connection does. There is no queue of our own that could be ordered by priority, and every
//! request was read and parsed by hyper before it is seen here; so it is decided at the head of the one queue there is.
//!
//! **The least of a step decides**, as with CoDel: a burst makes one measurement late, only a queue that does not go
//! away makes all of them late. A queue that requests are the reason for holds requests: a delay counts for at most
//! a millisecond per answer, so that a machine that others keep busy refuses nobody who comes alone. When the least is above its target, the admitted share of the class is multiplied
//! with what the server can take over what came: the growth of the delay says by how much too much came, the
//! excess how much has to be caught up ([`shares`]). Below the target it grows slowly, so the share swings
//! around what fits. Each class has its target: 20 ms for lists and searches (WeChat's DAGOR judges by the same), ten
//! times that for the order path, which is moreover left alone until nobody else is admitted.
//!
//! **What waits for the store** is the other part: there are requests in flight, and their number is limited. The limit
//! follows the time they wait compared to the usual one, as gradient limits do ([`waits`]); the order
//! path may take all of it, lists and searches half. Those who wait for their own change have a small bound of their own.
//!
//! **What it costs.** Without overload: two loads and two comparisons; the path is not looked at. A refusal looks at the path,
//! not at the query's meaning, and is made of parts that were there before. Shares are decided by one count and a
//! multiplication: golden sections of the counter spread refusals evenly, without chance. Nothing is locked.
//!
//! Not used: `global_queue_depth` of tokio (only what overflows from the threads' own queues), busy durations (they say
//! busy, not late: a server may well be busy), how late timers fire (on a machine that others keep busy they are late
//! with nobody asking), and delaying refusals (a timer for each, and a place kept for it).

mod class; //   path                       -> endpoint, class
mod delay; //   the run queue              -> how late this runtime gets to anything
mod shares; //  delays                     -> which share of each class is refused (pure)
mod waits; //   waiting times              -> how many may wait (pure)
mod gate; //    shares and limits          -> this request is refused, or may wait
mod refusal; // prepared parts             -> `503`
mod watch; //   every 50 ms: measured -> decided -> in force
mod shown; //   refusals, delays, shares   -> metrics

pub use class::Class;
pub use delay::Delays;
pub use gate::{Gate, Waiting};
pub use shares::{Refused, ShareControl, Step};
pub use shown::AdmissionCounters;
pub use waits::{WaitControl, Waits};
pub use watch::watch;
