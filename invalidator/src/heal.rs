//! Shops whose stored sections are in doubt -> refetches at bulk priority, one road per writer.
//!
//! A writer that is away holds up its own road only. What finds no room is not lost: the doubt is seen in the stored
//! document itself, so the next audit raises it again.

use std::time::Duration;

use service_runtime::Drain;
use shop_id::{ShopId, Writer};
use subscription::Requests;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Shops on each road.
const WAITING_MAX: usize = 10_000;
/// Shops handed over at once.
const BATCH_MAX: usize = 1_000;

/// Where doubts are raised. Cloning shares the roads.
#[derive(Clone, Debug)]
pub struct Doubts {
    roads: Vec<(Writer, mpsc::Sender<ShopId>)>,
}

/// The other end of one writer's road.
#[derive(Debug)]
pub struct Doubted {
    /// Whom to ask.
    pub writer: Writer,
    shops: mpsc::Receiver<ShopId>,
}

/// One road for each writer of the document.
#[must_use]
pub fn roads() -> (Doubts, Vec<Doubted>) {
    let (roads, doubted) = Writer::OF_THE_DOCUMENT
        .map(|writer| {
            let (sender, shops) = mpsc::channel(WAITING_MAX);
            ((writer, sender), Doubted { writer, shops })
        })
        .into_iter()
        .unzip();
    (Doubts { roads }, doubted)
}

impl Doubts {
    /// All sections of a shop, where there is room.
    pub fn raise(&self, shop_id: ShopId) {
        for (_, road) in &self.roads {
            // No room: see the module.
            let _ = road.try_send(shop_id);
        }
    }

    /// Sections of one writer; waits for room, but not for longer than `wait_max`. How many found room.
    pub async fn raise_all(&self, writer: Writer, shop_ids: &[ShopId], wait_max: Duration) -> usize {
        let Some((_, road)) = self.roads.iter().find(|(of, _)| *of == writer) else { return 0 };
        let mut raised = 0;
        let raising = async {
            for &shop_id in shop_ids {
                if road.send(shop_id).await.is_err() {
                    break;
                }
                raised += 1;
            }
        };
        drop(timeout(wait_max, raising).await);
        raised
    }
}

impl Doubted {
    /// Hands the doubted shops to their writer's subscription until the drain has begun.
    pub async fn heal(mut self, requests: Requests, drain: Drain) {
        let handing_over = async {
            let mut shop_ids = Vec::new();
            while self.shops.recv_many(&mut shop_ids, BATCH_MAX).await > 0 {
                match requests.refetch(&shop_ids).await {
                    // Nobody waits: what does not get done is found by the next audit.
                    Ok(accepted) => drop(accepted),
                    Err(_) => break,
                }
                shop_ids.clear();
            }
        };
        tokio::select! {
            () = drain.begun() => {}
            () = handing_over => {}
        }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&mut self) -> Vec<ShopId> {
        std::iter::from_fn(|| self.shops.try_recv().ok()).collect()
    }
}
