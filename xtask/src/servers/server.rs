//! What each server brings along, so that one way of installing, starting, awaiting and stopping fits all.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::tools::Tools;

/// One server, or several that are of use only together.
pub(crate) trait Server: Sync {
    /// By which it is asked for.
    fn name(&self) -> &'static str;

    /// How many free ports it needs.
    fn ports(&self) -> usize;

    /// Fetches what is missing; does nothing, quickly, when nothing is.
    fn install(&self, tools: &Tools) -> anyhow::Result<()>;

    /// The command of each of its processes; `folder` is empty and theirs.
    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>>;

    /// What makes one of several processes that just started.
    fn join(&self, _ports: &[u16]) -> anyhow::Result<()> {
        Ok(())
    }

    /// Asks it something that only a server answers which is ready.
    fn ready(&self, ports: &[u16]) -> anyhow::Result<()>;

    /// By which tests find it.
    fn variables(&self, tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)>;

    /// How long it may take until it answers.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}
