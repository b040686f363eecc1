//! Another process -> a new activation.
//!
//! See the head of [`super`]: a process that does not know our scripts may have lost what another one acknowledged. The
//! writer then looks at all shards and at who serves them, decides ([`judge`], pure), and only then lets saves go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use redis::Value;
use shop_id::Writer;
use tokio::sync::Mutex;

use super::failed::Failed;
use super::meta::{FORMAT, Meta};
use super::reader::Store;
use super::scripts::{BEGIN, Condition, Named, Scripts};
use super::server::Info;
use crate::{Identity, StoreError};

/// Two writers that find the same loss raise the activation one after the other; more turns than this are no coincidence.
const TURNS_MAX: u32 = 8;

/// What was decided about the store as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The processes that served it serve it still.
    Same { activation: u32 },
    /// A process that still serves gave shards away: nothing was lost.
    HandedOver { activation: u32 },
    /// Saves may be lost. Nobody can tell how many: a replica may have lagged, a file may be of last week.
    Begin { activation: u32 },
}

/// `infos` are of those who serve the shards now, `masters` are all processes that serve anything; `known` is the newest
/// activation that this process has seen, `now` seconds since 1970.
pub(super) fn judge(
    metas: &[Meta],
    infos: &[Info],
    masters: &BTreeSet<String>,
    known: u32,
    now: u32,
) -> Verdict {
    let newest = metas.iter().filter_map(|meta| meta.activation).max();
    let next = newest.unwrap_or(0).max(known).saturating_add(1).max(now);
    let Some(activation) = newest.filter(|_| metas.iter().all(|meta| meta.activation.is_some())) else {
        return Verdict::Begin { activation: next };
    };
    // Another writer, or we, began a new activation and did not get to the end.
    if metas.iter().any(|meta| meta.activation != Some(activation)) {
        return Verdict::Begin { activation: next };
    }
    let mut handed_over = false;
    for (meta, info) in metas.iter().zip(infos) {
        match &meta.run_id {
            Some(before) if *before == info.run_id && !info.has_evicted(meta) => {}
            Some(before) if *before == info.run_id => return Verdict::Begin { activation: next },
            Some(before) if masters.contains(before) => handed_over = true,
            _ => return Verdict::Begin { activation: next },
        }
    }
    if handed_over { Verdict::HandedOver { activation } } else { Verdict::Same { activation } }
}

/// Lets saves through that the store's processes vouch for.
#[derive(Debug, Default)]
pub(super) struct Fence {
    scripts: ArcSwapOption<Scripts>,
    /// Held by the one who looks.
    looking: Mutex<()>,
}

impl Fence {
    /// The scripts of the activation that was seen last.
    pub(super) async fn scripts(&self, store: &Store) -> Result<Arc<Scripts>, StoreError> {
        match self.scripts.load_full() {
            Some(scripts) => Ok(scripts),
            None => {
                let _looking = self.looking.lock().await;
                self.look_alone(store, true).await.map(|(_, scripts)| scripts)
            }
        }
    }

    /// The activation that was seen last; 0: none yet.
    fn known(&self) -> u32 {
        self.scripts.load().as_ref().map_or(0, |scripts| scripts.activation)
    }

    /// A save with these scripts was refused: look, unless somebody has looked since.
    pub(super) async fn look_past(&self, store: &Store, refused: &Arc<Scripts>) -> Result<(), StoreError> {
        let _looking = self.looking.lock().await;
        let current = self.scripts.load_full();
        if current.is_some_and(|current| !Arc::ptr_eq(&current, refused)) {
            return Ok(());
        }
        self.look_alone(store, true).await.map(drop)
    }

    /// Looks at all shards and at who serves them; begins a new activation where saves may be lost.
    pub(super) async fn look(&self, store: &Store) -> Result<Identity, StoreError> {
        let _looking = self.looking.lock().await;
        self.look_alone(store, false).await.map(|(identity, _)| identity)
    }

    /// `were_refused`: the scripts are not everywhere where they should be.
    async fn look_alone(
        &self,
        store: &Store,
        were_refused: bool,
    ) -> Result<(Identity, Arc<Scripts>), StoreError> {
        for _ in 0..TURNS_MAX {
            let metas = store.metas().await?;
            metas.iter().try_for_each(|meta| store.check_format(meta))?;
            let found = store.infos().await?;
            let run_ids: Vec<&str> = found.iter().map(|info| info.run_id.as_str()).collect();
            let masters = masters(store, &metas, &run_ids).await?;
            let verdict = judge(&metas, &found, &masters, self.known(), now());
            match verdict {
                Verdict::Same { activation } | Verdict::HandedOver { activation } => {
                    let identity = store.identity_of(&metas)?;
                    let handed_over = matches!(verdict, Verdict::HandedOver { .. });
                    let current = self.scripts.load_full().filter(|current| current.activation == activation);
                    if let Some(current) = current
                        && !were_refused
                        && !handed_over
                    {
                        return Ok((identity, current));
                    }
                    let scripts = load(store, activation).await?;
                    // Whoever was loaded after a failover was not the one that was judged.
                    if store.infos().await?.iter().zip(&run_ids).any(|(info, run_id)| info.run_id != *run_id)
                    {
                        continue;
                    }
                    if handed_over {
                        name_processes(store, &scripts, &found).await?;
                    }
                    self.scripts.store(Some(Arc::clone(&scripts)));
                    return Ok((identity, scripts));
                }
                Verdict::Begin { activation } => {
                    tracing::warn!(activation, store = %store.name, "saves may be lost; beginning a new activation");
                    begin(store, &metas, &found, activation).await?;
                }
            }
        }
        let reason = "other writers begin new activations without end".to_owned();
        Err(StoreError::Unavailable { store: store.name.clone(), reason })
    }
}

/// Loads the scripts everywhere; once they are used, this is what lets saves through.
async fn load(store: &Store, activation: u32) -> Result<Arc<Scripts>, StoreError> {
    let scripts = Arc::new(Scripts::of(activation, Timestamp::now().as_nanosecond()));
    let shards = if store.front.is_cluster() { store.keys.shards() } else { 1 };
    let load = |shard: u16, script: &Named| {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&script.text);
        let slot = store.keys.slot(shard);
        async move { store.front.ask(slot, &command).await.map_err(|failed| failed.told(&store.name)) }
    };
    let loads = (0..shards).flat_map(|shard| [load(shard, &scripts.save), load(shard, &scripts.note)]);
    try_join_all(loads).await?;
    Ok(scripts)
}

/// In each shard's `meta`: who serves it now. Its name last: half of it looks as before.
async fn name_processes(store: &Store, scripts: &Scripts, infos: &[Info]) -> Result<(), StoreError> {
    for (shard, info) in (0..).zip(infos) {
        let evicted = info.evicted_keys.to_string();
        for field in [("evicted", evicted.as_str()), ("run", &info.run_id)] {
            let noted = note(store, shard, scripts, field, Condition::Any).await;
            noted.map_err(|failed| failed.told(&store.name))?;
        }
    }
    Ok(())
}

fn now() -> u32 {
    u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX / 2)
}

/// Only asked for where a shard has changed hands.
async fn masters(store: &Store, metas: &[Meta], run_ids: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let is_same = metas.iter().zip(run_ids).all(|(meta, run_id)| meta.run_id.as_deref() == Some(*run_id));
    if is_same || !store.front.is_cluster() {
        return Ok(BTreeSet::new());
    }
    let masters = store
        .front
        .run_ids_of_masters(store.keys.slot(0))
        .await
        .map_err(|failed| failed.told(&store.name))?;
    Ok(masters.into_iter().collect())
}

/// All shards, the cursors first: should we die on the way, the next start begins with a full resync.
async fn begin(store: &Store, metas: &[Meta], infos: &[Info], activation: u32) -> Result<(), StoreError> {
    let mut forget = redis::cmd("HDEL");
    forget.arg(store.keys.meta(0));
    for writer in Writer::OF_THE_DOCUMENT {
        forget.arg(format!("cursor:{writer}"));
    }
    store.front.ask(store.keys.slot(0), &forget).await.map_err(|failed| failed.told(&store.name))?;
    for ((shard, meta), info) in (0..).zip(metas).zip(infos) {
        let mut command = redis::cmd("EVAL");
        command.arg(BEGIN).arg(2).arg(store.keys.meta(shard)).arg(store.keys.log(shard));
        command.arg(meta.activation.map(|held| held.to_string()).unwrap_or_default());
        command.arg(activation).arg(&info.run_id).arg(FORMAT).arg(store.keys.shards()).arg(info.evicted_keys);
        let begun = store.front.ask(store.keys.slot(shard), &command).await;
        if begun.map_err(|failed| failed.told(&store.name))? != Value::Int(1) {
            // Another writer is at it: look again at what it made.
            return Ok(());
        }
    }
    Ok(())
}

/// What became of a field that was to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It stands there, or something greater does.
    Done,
    /// There was nothing to replace.
    NothingHeld,
    /// The activation is another one by now, or the process is.
    Fenced,
}

/// One field of a shard's `meta`.
pub(super) async fn note(
    store: &Store,
    shard: u16,
    scripts: &Scripts,
    (field, value): (&str, &str),
    condition: Condition,
) -> Result<Noted, Failed> {
    let mut command = redis::cmd("EVALSHA");
    command.arg(&scripts.note.hash).arg(1).arg(store.keys.meta(shard));
    command.arg(scripts.activation).arg(field).arg(value).arg(condition.name());
    match store.front.ask(store.keys.slot(shard), &command).await {
        Ok(Value::Int(-1)) => Ok(Noted::Fenced),
        Ok(Value::Int(-2)) => Ok(Noted::NothingHeld),
        Ok(_) => Ok(Noted::Done),
        Err(failed) if failed.is_no_script() => Ok(Noted::Fenced),
        Err(failed) => Err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(activation: u32, run_id: &str) -> Meta {
        let (activation, run_id) = (Some(activation), Some(run_id.to_owned()));
        Meta { activation, run_id, evicted_keys: Some(0), ..Meta::default() }
    }

    fn info(run_id: &str, evicted_keys: u64) -> Info {
        Info { run_id: run_id.to_owned(), policy: "noeviction".to_owned(), evicted_keys, ..Info::default() }
    }

    #[test]
    fn a_new_activation_begins_where_saves_may_be_lost_and_only_there() {
        let gone = Meta::default();
        let begin = |activation| Verdict::Begin { activation };
        let same = [meta(7, "a"), meta(7, "b")];
        for (case, metas, run_ids, masters, expected) in [
            ("a new store", [gone.clone(), gone.clone()], ["a", "a"], [""; 2], begin(100)),
            ("all as before", same.clone(), ["a", "b"], ["a", "b"], Verdict::Same { activation: 7 }),
            ("a node was flushed", [meta(7, "a"), gone], ["a", "b"], ["a", "b"], begin(100)),
            ("a restart", same.clone(), ["a", "c"], ["a", "c"], begin(100)),
            ("a moved slot", same, ["a", "a"], ["a", "b"], Verdict::HandedOver { activation: 7 }),
            ("a writer that died on the way", [meta(8, "a"), meta(7, "a")], ["a", "a"], [""; 2], begin(100)),
            ("a clock that went back", [meta(200, "a"), meta(200, "b")], ["a", "c"], [""; 2], begin(201)),
        ] {
            let masters = masters.map(str::to_owned).into();
            let infos = run_ids.map(|run_id| info(run_id, 0));
            assert_eq!(judge(&metas, &infos, &masters, 0, 100), expected, "{case}");
        }
        let nobody = BTreeSet::new();
        let verdict = judge(&[Meta::default()], &[info("a", 0)], &nobody, 300, 100);
        assert_eq!(verdict, begin(301), "seen before the flush");
        let verdict = judge(&[meta(7, "a")], &[info("a", 5)], &nobody, 0, 100);
        assert_eq!(verdict, begin(100), "it was set to evict for a while");
    }
}
