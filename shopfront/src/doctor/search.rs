//! The search engine, as a query server sees it.

use std::time::Duration;

use shop_search::{EngineAddress, SearchAccess};

use super::{Found, Illness};

#[cfg(feature = "elasticsearch")]
pub(super) async fn ask(address: &EngineAddress, access: &SearchAccess, _: Duration) -> Found {
    use shop_search::elasticsearch::Engine;

    let asked = async {
        let engine = Engine::new(address.clone(), access)?;
        let indexes = engine.indexes().await?;
        let Some(live) = indexes.live else { return Ok(None) };
        Ok(Some((live.name().to_owned(), live.count().await?, live.has_nori())))
    };
    match asked.await {
        Ok(Some((name, shops, has_nori))) => {
            let nori = if has_nori { "with" } else { "without" };
            Ok(format!("index `{name}` holds {shops} shops, {nori} Nori"))
        }
        Ok(None) => Err(Illness::new(
            "it answers, and holds no index of this name",
            "start an invalidator with this `search`: it builds the index from the document store",
        )),
        Err(error) => Err(illness(&error)),
    }
}

#[cfg(feature = "elasticsearch")]
fn illness(error: &shop_search::elasticsearch::EngineError) -> Illness {
    use shop_search::elasticsearch::EngineError;

    let fix = match error {
        EngineError::Unreachable { .. } => "start it, or correct `search`",
        EngineError::TimedOut { .. } | EngineError::Busy { .. } => {
            "see its own log and health: `/_cluster/health`"
        }
        _ => "as said",
    };
    Illness::new(error, fix)
}

#[cfg(not(feature = "elasticsearch"))]
pub(super) async fn ask(_: &EngineAddress, _: &SearchAccess, _: Duration) -> Found {
    Err(Illness::new(
        "this `shopfront` was built without the feature `elasticsearch`",
        "build it with `--features elasticsearch`, as the programs are",
    ))
}
