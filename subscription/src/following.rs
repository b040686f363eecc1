//! The loop in which everything about one writer meets: who is received, who waits, what is refetched, what was saved.
//!
//! One task owns all of it, so nothing here is locked; refetches and saves run in tasks of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::{Clock, Drain};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use writer_api::{RefetchError, WriterReads};

use crate::acknowledge::Errand;
use crate::breaker::Verdict;
use crate::coalesce::{Because, Coalescer, Left};
use crate::gate::{Gate, Side};
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;
use crate::refetch::{self, Blame, refetch};
use crate::remember::Remembered;
use crate::requests::RefetchRequest;
use crate::save::{self, Saved, save};
use crate::settle::{Held, Part, Settling, Waiter};
use crate::wanted::Wanted;
use crate::{Follower, Priority, SaveError, Settings};

/// How often what is held is looked at: for its age, and for whether it needs more time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While so many shops stand in line for bulk refetches, no further request is taken up.
const BULK_IN_LINE_MAX: usize = 2_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Following<R, F> {
    pub(crate) writer: Writer,
    pub(crate) reads: Arc<R>,
    pub(crate) follower: Arc<F>,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) metrics: WriterMetrics,
    pub(crate) gate: Arc<Gate>,
    pub(crate) hands: Arc<Semaphore>,
    pub(crate) retries: Pauses,
    pub(crate) lags: Pauses,
    pub(crate) coalescer: Coalescer<Waiter>,
    pub(crate) remembered: Remembered,
    pub(crate) settling: Settling,
    pub(crate) refetches: JoinSet<Outcome>,
    pub(crate) running: HashMap<Id, Batch>,
    /// The newest event, for counting those that were passed over.
    pub(crate) newest: Revision,
}

/// What comes in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) deliveries: mpsc::Receiver<Vec<(ShopId, Held)>>,
    pub(crate) wanted: mpsc::Receiver<Wanted>,
    pub(crate) requests: mpsc::Receiver<RefetchRequest>,
}

/// Shops that are refetched together.
#[derive(Debug)]
pub(crate) struct Batch {
    shop_ids: Vec<ShopId>,
    priority: Priority,
}

/// How a refetch and its save ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Saved(Vec<(ShopId, Saved)>),
    Unanswered(RefetchError),
    Unsaved(SaveError),
}

impl<R: WriterReads, F: Follower> Following<R, F> {
    /// Until the end has begun.
    pub(crate) async fn run(&mut self, incoming: &mut Incoming, drain: &Drain) {
        let mut standing = self.gate.watch();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.begin_refetches();
            self.show();
            let wake_at = self.wake_at();
            tokio::select! {
                () = drain.begun() => return,
                Some(ended) = self.refetches.join_next_with_id() => self.refetched(ended),
                Some(deliveries) = incoming.deliveries.recv() => self.received(deliveries),
                Some(wanted) = incoming.wanted.recv() => self.wanted(wanted),
                Some(request) = incoming.requests.recv(),
                    if self.coalescer.bulk_in_line() < BULK_IN_LINE_MAX =>
                {
                    let shops = request.shop_ids.into_iter().map(|shop_id| (shop_id, Revision::ZERO));
                    self.requested(shops, request.done);
                }
                Ok(()) = standing.changed() => {
                    if standing.borrow_and_update().all_well() {
                        self.coalescer.wake_from_outage();
                    }
                }
                () = tokio::time::sleep_until(wake_at) => self.coalescer.wake(Instant::now()),
                _ = look.tick() => self.look_at_what_is_held(),
            }
        }
    }

    /// What is in flight may end, until then; nothing new begins.
    pub(crate) async fn finish(&mut self, deadline: Instant) {
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(deadline, self.refetches.join_next_with_id()).await
        {
            self.refetched(ended);
        }
    }

    /// Events join the refetch that waits for their shop, unless a save has covered them already.
    fn received(&mut self, deliveries: Vec<(ShopId, Held)>) {
        for (shop_id, held) in deliveries {
            self.count_gap(held.sequence);
            let held = match self.remembered.of(shop_id) {
                Some(saved) => match self.settling.settle_event(saved, held) {
                    Ok(()) => {
                        self.metrics.already_covered.inc();
                        continue;
                    }
                    Err(held) => held,
                },
                None => held,
            };
            if self.hands_are_full() && self.coalescer.rests(shop_id) {
                self.give_back(held);
                continue;
            }
            let joined = self.coalescer.join(shop_id, Priority::Live);
            joined.waiting.push(Waiter::Event(held));
            if joined.coalesced {
                self.metrics.coalesced.inc();
            }
        }
    }

    fn count_gap(&mut self, sequence: Revision) {
        if sequence.epoch == self.newest.epoch && sequence.counter > self.newest.counter {
            self.metrics.sequence_gaps.inc_by(sequence.counter - self.newest.counter - 1);
        }
        self.newest = self.newest.max(sequence);
    }

    fn wanted(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Changed(shops, priority) => {
                for (shop_id, revision) in shops {
                    self.changed(shop_id, revision, priority);
                }
            }
            Wanted::Again(shops, done) => self.requested(shops.into_iter(), done),
            Wanted::Forget => self.remembered.forget(),
        }
    }

    fn changed(&mut self, shop_id: ShopId, revision: Revision, priority: Priority) {
        if let Some(saved) = self.remembered.of(shop_id)
            && saved.covers(revision)
        {
            self.metrics.already_covered.inc();
            self.settling.heard.settled(shop_id, saved.as_of());
            return;
        }
        let joined = self.coalescer.join(shop_id, priority);
        if joined.coalesced {
            self.metrics.coalesced.inc();
        }
        // A shop that cannot be refetched changes again and again: one of this kind is enough.
        let same = joined.waiting.iter_mut().find_map(|waiter| match waiter {
            Waiter::Change(newest) => Some(newest),
            Waiter::Event(_) | Waiter::Request(..) => None,
        });
        match same {
            Some(newest) => *newest = revision.max(*newest),
            None => joined.waiting.push(Waiter::Change(revision)),
        }
    }

    fn requested(&mut self, shops: impl Iterator<Item = (ShopId, Revision)>, done: oneshot::Sender<()>) {
        let part = Arc::new(Part(done));
        for (shop_id, at_least) in shops {
            let joined = self.coalescer.join(shop_id, Priority::Bulk);
            joined.waiting.push(Waiter::Request(at_least, Arc::clone(&part)));
            if joined.coalesced {
                self.metrics.coalesced.inc();
            }
        }
        if let Some(Part(done)) = Arc::into_inner(part) {
            // Nothing was asked for.
            let _ = done.send(());
        }
    }

    /// As many as there is room for, live ones first.
    fn begin_refetches(&mut self) {
        while let Some(priority) = self.next_priority()
            && self.gate.passes()
        {
            let shop_ids = self.coalescer.next_batch(priority);
            self.metrics.refetches.inc();
            self.metrics.refetched_shops.inc_by(shop_ids.len() as u64);
            let task = refetch_and_save(
                Arc::clone(&self.reads),
                Arc::clone(&self.follower),
                Arc::clone(&self.gate),
                shop_ids.clone(),
                priority,
                self.settings.refetch_timeout,
            );
            let running = self.refetches.spawn(task);
            self.running.insert(running.id(), Batch { shop_ids, priority });
        }
    }

    fn next_priority(&mut self) -> Option<Priority> {
        let bulk_running = self.running.values().filter(|batch| batch.priority == Priority::Bulk).count();
        if self.running.len() >= self.settings.refetches_in_flight_max {
            None
        } else if self.coalescer.has_ready(Priority::Live) {
            Some(Priority::Live)
        } else if bulk_running < self.settings.bulk_refetches_in_flight_max
            && self.coalescer.has_ready(Priority::Bulk)
        {
            Some(Priority::Bulk)
        } else {
            None
        }
    }

    fn refetched(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(Batch { shop_ids, .. }) = self.running.remove(&id) else { return };
        let writer = self.writer;
        match ended.map(|(_, outcome)| outcome) {
            Ok(Outcome::Saved(saved)) => {
                self.gate.judge(Side::Store, Verdict::Well);
                for (shop_id, saved) in saved {
                    self.saved(shop_id, saved);
                }
            }
            Ok(Outcome::Unanswered(error)) => {
                self.metrics.refetch_failed(refetch::kind(&error));
                tracing::warn!(%writer, %error, shops = shop_ids.len(), "cannot refetch; trying again");
                match refetch::blame(&error) {
                    Blame::Writer => self.wait_for_all(&shop_ids),
                    Blame::Question => self.blame(Side::Writer, &shop_ids),
                }
            }
            Ok(Outcome::Unsaved(error)) => {
                self.metrics.save_failed(save::kind(&error));
                tracing::warn!(%writer, %error, shops = shop_ids.len(), "cannot save; trying again");
                if error.transient {
                    self.gate.judge(Side::Store, Verdict::Ill);
                    self.wait_for_all(&shop_ids);
                } else {
                    self.blame(Side::Store, &shop_ids);
                }
            }
            Err(error) => {
                self.metrics.save_failed("broken_off");
                tracing::error!(%writer, %error, shops = shop_ids.len(), "a refetch broke off; trying again");
                self.gate.judge(Side::Writer, Verdict::Undecided);
                self.blame(Side::Store, &shop_ids);
            }
        }
    }

    fn saved(&mut self, shop_id: ShopId, saved: Saved) {
        self.remembered.note(shop_id, saved);
        let (settling, lags) = (&self.settling, &self.lags);
        let settle = |waiter, came| settling.settle(shop_id, saved, waiter, came);
        let left = self.coalescer.saved(shop_id, Instant::now(), settle, |lagged| lags.after(lagged));
        if left == Left::FromBefore {
            self.metrics.answers_from_before.inc();
            self.give_back_if_full(shop_id);
        }
    }

    /// Nobody of them is to blame: they rest, and are tried together again.
    fn wait_for_all(&mut self, shop_ids: &[ShopId]) {
        let failures = self.coalescer.failed(shop_ids);
        let until = Instant::now() + self.retries.after(failures);
        for &shop_id in shop_ids {
            self.coalescer.rest(shop_id, until, Because::Outage);
            self.give_back_if_full(shop_id);
        }
    }

    /// One of them is to blame: it is looked for by halves, rests alone once found, and the others go on.
    fn blame(&mut self, side: Side, shop_ids: &[ShopId]) {
        let failures = self.coalescer.failed(shop_ids);
        let verdict = match shop_ids {
            &[shop_id] => {
                let pause = match side {
                    Side::Writer => self.retries.after(failures),
                    Side::Store => self.retries.longest(),
                };
                let is_news = self.coalescer.blame(shop_id);
                self.coalescer.rest(shop_id, Instant::now() + pause, Because::Itself);
                self.give_back_if_full(shop_id);
                // Many bad shops in a row are a bad writer; one that is known to be bad says nothing.
                if is_news { Verdict::Ill } else { Verdict::Undecided }
            }
            _ => {
                self.coalescer.split(shop_ids);
                // A writer's bad answer to many costs little; a store that refuses many is probably full.
                match side {
                    Side::Writer => Verdict::Undecided,
                    Side::Store => Verdict::Ill,
                }
            }
        };
        self.gate.judge(side, verdict);
    }

    /// Deliveries of shops that cannot be refetched must not fill the hands until nothing else is received.
    fn give_back_if_full(&mut self, shop_id: ShopId) {
        if !self.hands_are_full() {
            return;
        }
        for waiter in self.coalescer.release(shop_id, |waiter| matches!(waiter, Waiter::Event(_))) {
            if let Waiter::Event(held) = waiter {
                self.give_back(held);
            }
        }
    }

    fn hands_are_full(&self) -> bool {
        let free = self.hands.available_permits() + self.settings.receive_messages_max;
        free <= self.settings.deliveries_held_max / 2
    }

    fn give_back(&self, held: Held) {
        self.metrics.given_back.inc();
        self.settling.run(Errand::GiveBack(held, self.retries.longest()));
    }

    /// When something is due that nobody will announce.
    fn wake_at(&mut self) -> Instant {
        let now = Instant::now();
        let never = now + Duration::from_secs(3_600);
        let waits_for_gate = self.next_priority().and_then(|_| self.gate.open_until());
        // Its moment may have passed while it was looked at.
        let passes_at = waits_for_gate.map(|until| until.max(now));
        self.coalescer.next_wake().into_iter().chain(passes_at).min().unwrap_or(never)
    }

    fn look_at_what_is_held(&mut self) {
        let now = Instant::now();
        let more = self.settings.visibility_timeout;
        let (mut oldest, mut held_count) = (None, 0);
        for waiter in self.coalescer.waiting_mut() {
            let Waiter::Event(held) = waiter else { continue };
            held_count += 1;
            oldest = oldest.map_or(Some(held.time), |oldest| Some(held.time.min(oldest)));
            if held.invisible_until.saturating_duration_since(now) <= more / 2 {
                held.invisible_until = now + more;
                self.settling.run(Errand::MoreTime(held.same_receipt(), more));
            }
        }
        let age = oldest.map_or(0.0, |oldest| self.clock.now().duration_since(oldest).as_secs_f64());
        self.metrics.oldest_unsettled.set(age.max(0.0));
        self.metrics.deliveries_held.set(held_count);
    }

    fn show(&self) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.pending_shops.set(count(self.coalescer.pending()));
        self.metrics.resting_shops.set(count(self.coalescer.resting()));
    }
}

/// Both in one place among those in flight: what cannot be saved need not be refetched.
async fn refetch_and_save<R: WriterReads, F: Follower>(
    reads: Arc<R>,
    follower: Arc<F>,
    gate: Arc<Gate>,
    shop_ids: Vec<ShopId>,
    priority: Priority,
    timeout: Duration,
) -> Outcome {
    let answers = match refetch(&*reads, &shop_ids, timeout).await {
        Ok(answers) => answers,
        Err(error) => {
            gate.judge(Side::Store, Verdict::Undecided);
            if refetch::blame(&error) == Blame::Writer {
                gate.judge(Side::Writer, Verdict::Ill);
            }
            return Outcome::Unanswered(error);
        }
    };
    gate.judge(Side::Writer, Verdict::Well);
    match save(&*follower, reads.writer(), answers, priority).await {
        Ok(saved) => Outcome::Saved(saved),
        Err(error) => Outcome::Unsaved(error),
    }
}
