//! An index of a real engine behind the traits that the suite knows. Each has a name of its own and is deleted at the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;
use shop_search::elasticsearch::{Asking, Bulk, Engine, Index, IndexLayout, Version};
use shop_search::{
    EngineAddress, ListAnswer, ListQuestion, SearchAccess, SearchError, ShopIndexer, ShopSearch,
    TextQuestion, TextSearch,
};
use tokio::runtime::Runtime;

pub(crate) const ELASTICSEARCH: &str = "SHOPFRONT_TEST_ELASTICSEARCH";
pub(crate) const OPENSEARCH: &str = "SHOPFRONT_TEST_OPENSEARCH";
/// A busy machine with two cores must not fail a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const LAYOUT: IndexLayout = IndexLayout { shards: 1, replicas: 0, nori: false };

/// See the module.
pub(crate) struct Remote {
    pub(crate) engine: Engine,
    asking: Arc<Asking>,
    /// Connections live in it, whatever runtime a question comes from.
    pub(crate) runtime: Runtime,
    layout: IndexLayout,
    folded: Mutex<Vec<(ShopId, Option<ListPart>)>>,
    index: Mutex<Option<Index>>,
    saves: AtomicU64,
}

/// An engine with a name that no other test has.
pub(crate) fn engine(variable: &str) -> Engine {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let base = std::env::var(variable).unwrap_or_else(|_| {
        let server = if variable == OPENSEARCH { "opensearch" } else { "elasticsearch" };
        panic!("`{variable}` is not set; start a server with `cargo xtask servers up {server}`")
    });
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let address = EngineAddress::parse(&format!("{base}/test-{}-{number}", std::process::id())).unwrap();
    Engine::new(address, &SearchAccess::default()).unwrap()
}

impl Remote {
    pub(crate) fn elasticsearch() -> Self {
        Self::with(engine(ELASTICSEARCH), LAYOUT)
    }

    pub(crate) fn opensearch() -> Self {
        Self::with(engine(OPENSEARCH), LAYOUT)
    }

    pub(crate) fn with(engine: Engine, layout: IndexLayout) -> Self {
        Self {
            asking: Arc::new(Asking::new(engine.clone(), PATIENCE)),
            engine,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            layout,
            folded: Mutex::default(),
            index: Mutex::default(),
            saves: AtomicU64::new(0),
        }
    }

    /// The index, made and asked for from now on.
    fn index(&self) -> Index {
        let mut index = self.index.lock().unwrap();
        if index.is_none() {
            let made = self.runtime.block_on(async {
                let made = self.engine.create(self.layout, Timestamp::now()).await.unwrap();
                self.engine.indexes().await.unwrap().replace(&made, 1).await.unwrap();
                made
            });
            *index = Some(made);
        }
        index.clone().unwrap()
    }
}

impl ShopIndexer for Remote {
    fn fold(&self, shop_id: ShopId, part: &ListPart) {
        self.folded.lock().unwrap().push((shop_id, Some(part.clone())));
    }

    fn remove(&self, shop_id: ShopId) {
        self.folded.lock().unwrap().push((shop_id, None));
    }

    fn publish(&self, _now: Timestamp) {
        let index = self.index();
        let mut bulk = Bulk::default();
        for (shop_id, part) in std::mem::take(&mut *self.folded.lock().unwrap()) {
            let version = Version::of(1, self.saves.fetch_add(1, Ordering::Relaxed) + 1);
            match part {
                Some(part) => bulk.put(shop_id, version, &part, self.layout.nori),
                None => bulk.remove(shop_id, version),
            }
        }
        self.runtime.block_on(async {
            let written = index.write(&bulk).await.unwrap();
            assert_eq!(written.refused, 0, "{written:?}");
            index.refresh().await.unwrap();
        });
    }
}

impl ShopSearch for Remote {
    async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let (asking, question) = (Arc::clone(&self.asking), question.clone());
        let asked = async move { ShopSearch::list(&*asking, &question, now).await };
        self.runtime.spawn(asked).await.unwrap()
    }
}

impl TextSearch for Remote {
    async fn search(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let (asking, question) = (Arc::clone(&self.asking), question.clone());
        let asked = async move { TextSearch::search(&*asking, &question, now).await };
        self.runtime.spawn(asked).await.unwrap()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let engine = self.engine.clone();
        self.runtime.block_on(discard_all(&engine));
    }
}

/// Leaves nothing of a name behind.
pub(crate) async fn discard_all(engine: &Engine) {
    let indexes = engine.indexes().await.unwrap();
    for index in indexes.live.into_iter().chain(indexes.others) {
        index.discard().await.unwrap();
    }
}
