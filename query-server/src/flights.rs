//! Many readers of one shop that is not resident -> one get.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shop_id::ShopId;
use tokio::sync::watch;

/// Gets under way, by shop. Locked on a miss only, never over an await.
#[derive(Debug)]
pub struct SingleFlight<T> {
    open: Mutex<HashMap<ShopId, watch::Receiver<Option<T>>>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { open: Mutex::default() }
    }
}

/// A place on a flight.
#[derive(Debug)]
pub struct Boarded<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Boarded<T> {
    /// What the flight brought; `None`: it crashed, or was given up. Dropping the future costs nobody else.
    pub async fn landed(mut self) -> Option<T> {
        let brought = self.0.wait_for(Option::is_some).await;
        brought.ok().and_then(|brought| brought.clone())
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// One place per shop, in the given order: on the flight that is under way, or on one that begins now with
    /// `fetch` (one answer per shop, in its order). It flies on when those who wait for it leave.
    pub fn board<F, Fut>(
        self: &Arc<Self>,
        shop_ids: &[ShopId],
        gives_up_after: Duration,
        fetch: F,
    ) -> Vec<Boarded<T>>
    where
        F: FnOnce(Vec<ShopId>) -> Fut,
        Fut: Future<Output = Vec<T>> + Send + 'static,
    {
        let (mut boarded, mut beginning) = (Vec::with_capacity(shop_ids.len()), Vec::new());
        {
            let mut open = self.lock();
            for &shop_id in shop_ids {
                let place = open.entry(shop_id).or_insert_with(|| {
                    let (sender, receiver) = watch::channel(None);
                    beginning.push((shop_id, sender));
                    receiver
                });
                boarded.push(Boarded(place.clone()));
            }
        }
        if !beginning.is_empty() {
            let asked = beginning.iter().map(|(shop_id, _)| *shop_id).collect();
            let fetching = fetch(asked);
            let flight = Flight { flights: Arc::clone(self), aboard: beginning };
            tokio::spawn(async move {
                let brought = tokio::time::timeout(gives_up_after, fetching).await;
                flight.land(brought.unwrap_or_default());
            });
        }
        boarded
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ShopId, watch::Receiver<Option<T>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One get under way. However it ends, its shops can be asked for again.
struct Flight<T: Clone + Send + Sync + 'static> {
    flights: Arc<SingleFlight<T>>,
    aboard: Vec<(ShopId, watch::Sender<Option<T>>)>,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    fn land(mut self, brought: Vec<T>) {
        self.leave();
        for ((_, sender), answer) in self.aboard.drain(..).zip(brought) {
            // All who waited may have left.
            drop(sender.send(Some(answer)));
        }
    }

    /// Before the answers: whoever comes after them begins anew.
    fn leave(&self) {
        let mut open = self.flights.lock();
        for (shop_id, _) in &self.aboard {
            open.remove(shop_id);
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Flight<T> {
    fn drop(&mut self) {
        // Empty after a landing.
        if !self.aboard.is_empty() {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    fn shops(numbers: &[u64]) -> Vec<ShopId> {
        numbers.iter().map(|number| ShopId::new(*number).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_readers_of_one_shop_cost_one_get() {
        let (flights, gets) = (Arc::new(SingleFlight::default()), Arc::new(AtomicUsize::new(0)));
        let mut readers = Vec::new();
        for _ in 0..100 {
            let counted = Arc::clone(&gets);
            readers.extend(flights.board(&shops(&[7]), LONG, |asked| async move {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
                asked.iter().map(|shop_id| shop_id.get()).collect()
            }));
        }
        for reader in readers {
            assert_eq!(reader.landed().await, Some(7));
        }
        assert_eq!(gets.load(Ordering::Relaxed), 1);
        let again = flights.board(&shops(&[7]), LONG, |_| async { vec![8] }).pop().unwrap();
        assert_eq!(again.landed().await, Some(8), "what comes after the landing is a new get");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_takes_only_those_who_have_none() {
        let flights = Arc::new(SingleFlight::default());
        let asked_for = Arc::new(Mutex::new(Vec::new()));
        let mut places = Vec::new();
        for group in [&[1, 2][..], &[2, 3], &[1, 2, 3]] {
            let noted = Arc::clone(&asked_for);
            places.push(flights.board(&shops(group), LONG, |asked| async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let numbers: Vec<u64> = asked.iter().map(|shop_id| shop_id.get()).collect();
                noted.lock().unwrap().push(numbers.clone());
                numbers
            }));
        }
        for (places, expected) in places.into_iter().zip([&[1, 2][..], &[2, 3], &[1, 2, 3]]) {
            for (place, number) in places.into_iter().zip(expected) {
                assert_eq!(place.landed().await, Some(*number));
            }
        }
        assert_eq!(*asked_for.lock().unwrap(), [vec![1, 2], vec![3]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_crashes_or_hangs_blocks_nobody() {
        let flights: Arc<SingleFlight<u64>> = Arc::new(SingleFlight::default());
        let crashing = flights.board(&shops(&[7]), LONG, |_| async { panic!("on purpose") }).pop().unwrap();
        assert_eq!(crashing.landed().await, None);
        let hanging = flights.board(&shops(&[7]), LONG, |_| std::future::pending()).pop().unwrap();
        assert_eq!(hanging.landed().await, None);
        let well = flights.board(&shops(&[7]), LONG, |_| async { vec![7] }).pop().unwrap();
        assert_eq!(well.landed().await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_leaves_takes_nobody_with_it() {
        let flights = Arc::new(SingleFlight::default());
        let fetch = |_| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            vec![7_u64]
        };
        drop(flights.board(&shops(&[7]), LONG, fetch));
        let second = flights.board(&shops(&[7]), LONG, |_| async { vec![8] }).pop().unwrap();
        assert_eq!(second.landed().await, Some(7), "the first get went on");
    }
}
