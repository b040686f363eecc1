//! The search engine, as a query server sees it.

use std::time::Duration;

use shop_search::{EngineAddress, SearchAccess};

use super::Found;

#[cfg(feature = "elasticsearch")]
pub(super) async fn ask(address: &EngineAddress, access: &SearchAccess, patience: Duration) -> Found {
    use shop_search::elasticsearch::Engine;

    let looking = async { Engine::new(address.clone(), access)?.look(patience).await };
    match looking.await {
        Ok(look) => {
            let software = look.software.unwrap_or_else(|| "it does not say what it is".to_owned());
            let nori = if look.has_nori { "with" } else { "without" };
            Ok(format!("{software}; index `{}` holds {} shops, {nori} Nori", look.index, look.shops))
        }
        Err(error) => {
            let fix = fix(address, &error);
            Err(super::Illness::new(error, fix))
        }
    }
}

#[cfg(feature = "elasticsearch")]
fn fix(address: &EngineAddress, error: &shop_search::elasticsearch::EngineError) -> String {
    use shop_search::elasticsearch::EngineError;

    use super::way;

    let EngineAddress { base, name } = address;
    match error {
        EngineError::Unreachable { reason, .. } => way::fix(reason, "search", base.starts_with("https://"), &way::HTTP),
        EngineError::TimedOut { .. } => {
            format!("see what keeps it busy: `{base}/_nodes/hot_threads`, its own log; `--patience` waits longer")
        }
        EngineError::Busy { .. } => format!(
            "see which shards are away and why: `{base}/_cluster/health?level=indices`, \
             `{base}/_cluster/allocation/explain`; lists come back by themselves when they do"
        ),
        EngineError::Refused { .. } => format!(
            "correct `search_access.api_key_file` or `search_access.basic_auth_file`; a query server needs `read` and \
             `view_index_metadata` on `{name}` and `{name}-*` (docs/search.md)"
        ),
        EngineError::Missing { .. } => {
            "start an invalidator with this `search`: it builds the index from the document store; see its log if it runs"
                .to_owned()
        }
        EngineError::Old { expected, .. } => {
            format!("bring it to version {expected} or newer, or let `search` lead to another one")
        }
        EngineError::Version { .. } => {
            "let invalidator and query servers be of one version: an invalidator of the newer one rebuilds the index"
                .to_owned()
        }
        EngineError::Foreign { .. } => "give `search` another name behind the last `/`, or remove what has it".to_owned(),
        EngineError::Setup { .. } => "correct `search_access`".to_owned(),
        EngineError::Unexpected { .. } => {
            "see whether `search` leads to a search engine, or to a proxy before it; then its own log".to_owned()
        }
        EngineError::Blocked { .. } | EngineError::TooFew { .. } | EngineError::NothingBefore { .. } => {
            "see the invalidator's log".to_owned()
        }
    }
}

#[cfg(not(feature = "elasticsearch"))]
pub(super) async fn ask(_: &EngineAddress, _: &SearchAccess, _: Duration) -> Found {
    Err(super::without("elasticsearch"))
}
