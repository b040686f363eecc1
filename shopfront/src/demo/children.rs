//! Child processes: started in the order of the road, started again when they die, stopped readers first.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::layout::{ALL, Layout, Program};
use crate::say::Say;

/// Waits between two deaths grow from here ...
const WAIT_MIN: Duration = Duration::from_millis(200);
/// ... to here.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Who lived longer than this is started again at once.
const LIVED_WELL: Duration = Duration::from_secs(30);
/// Who does not end within this after SIGTERM is killed.
const GRACE: Duration = Duration::from_secs(15);
/// The exit code of a program that does not start like this.
const REFUSED: i32 = 2;
/// While something is waited for, this is said.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// A program may need so long to become ready.
const READY_MAX: Duration = Duration::from_secs(120);

/// All programs of one demo.
pub(super) struct Children {
    shared: Arc<Shared>,
    keepers: Vec<(Program, JoinHandle<()>, watch::Sender<bool>)>,
}

struct Shared {
    layout: Arc<Layout>,
    restart: bool,
    ready_file: Option<PathBuf>,
    say: Say,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process_ids: BTreeMap<Program, u32>,
    is_ready: bool,
    /// Who refused its configuration: no number of further starts makes it take it.
    refused: Option<Program>,
}

impl Children {
    /// Starts all programs and keeps them running until [`Children::stop`].
    pub(super) fn start(
        layout: Arc<Layout>,
        restart: bool,
        ready_file: Option<PathBuf>,
        say: Say,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared { layout, restart, ready_file, say, state: Mutex::default() });
        let mut keepers = Vec::new();
        for program in ALL {
            let child = shared.spawn(*program)?;
            let (stop, stopped) = watch::channel(false);
            keepers.push((*program, tokio::spawn(keep(shared.clone(), *program, child, stopped)), stop));
        }
        Ok(Self { shared, keepers })
    }

    /// The process of a program, while it has one.
    pub(super) fn process_id(&self, program: Program) -> Option<u32> {
        self.shared.state().process_ids.get(&program).copied()
    }

    /// Waits until these programs say on their ops ports that they are ready.
    pub(super) async fn until_ready(
        &self,
        client: &reqwest::Client,
        programs: &[Program],
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_MAX;
        for program in programs {
            while let Some(why) = self.unready(client, *program).await {
                anyhow::ensure!(
                    Instant::now() < deadline,
                    "{} is not ready after {} s: {}; its words are in `{}`",
                    program.name(),
                    READY_MAX.as_secs(),
                    why.trim(),
                    self.shared.layout.log(*program).display(),
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Why a program is not ready; `None`: it is.
    async fn unready(&self, client: &reqwest::Client, program: Program) -> Option<String> {
        let url = format!("{}/readyz", self.shared.layout.ops_url(program));
        match client.get(&url).send().await {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.text().await.unwrap_or_default()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Says again and again what is still waited for, as for a store that does not answer. Returns when one of them will never
    /// be ready.
    pub(super) async fn tell_unready(&self, client: &reqwest::Client) -> anyhow::Error {
        loop {
            let until = Instant::now() + TOLD_EVERY;
            while Instant::now() < until {
                if let Some(program) = self.shared.state().refused {
                    return anyhow::anyhow!(self.shared.last_words(program));
                }
                tokio::time::sleep(WAIT_MIN).await;
            }
            for program in ALL {
                if let Some(why) = self.unready(client, *program).await {
                    let why = why.trim().replace('\n', "; ");
                    self.shared.say.aside(&format!("{} is not ready yet: {why}", program.name()));
                }
            }
        }
    }

    /// From now on the ready file says so.
    pub(super) fn announce_ready(&self) {
        self.shared.state().is_ready = true;
        self.shared.write_ready_file();
    }

    /// Stops all, the readers first: each is told by SIGTERM, and killed if it does not end in time.
    pub(super) async fn stop(self) {
        for (program, keeper, stop) in self.keepers.into_iter().rev() {
            stop.send(true).ok();
            if keeper.await.is_err() {
                self.shared.say.aside(&format!("{} could not be watched to its end", program.name()));
            }
        }
        if let Some(file) = &self.shared.ready_file {
            drop(std::fs::remove_file(file));
        }
    }
}

/// One program's life: wait for its death, start it again, until told to stop.
async fn keep(shared: Arc<Shared>, program: Program, mut child: Child, mut stopped: watch::Receiver<bool>) {
    let mut wait = WAIT_MIN;
    loop {
        let born = Instant::now();
        let died = tokio::select! {
            died = child.wait() => died,
            _ = stopped.changed() => return end(&shared, program, child).await,
        };
        shared.state().process_ids.remove(&program);
        shared.write_ready_file();
        if died.as_ref().is_ok_and(|status| status.code() == Some(REFUSED)) {
            shared.state().refused = Some(program);
        }
        let how = died.map_or_else(|error| error.to_string(), said);
        if !shared.restart {
            shared.say.aside(&format!("{} died ({how}) and stays dead (--no-restart)", program.name()));
            stopped.changed().await.ok();
            return;
        }
        wait = if born.elapsed() > LIVED_WELL { WAIT_MIN } else { wait };
        let log = shared.layout.log(program);
        let waits = wait.as_millis();
        shared.say.aside(&format!(
            "{} died ({how}); starting it again in {waits} ms, its words are in `{}`",
            program.name(),
            log.display()
        ));
        child = loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopped.changed() => return,
            }
            wait = (wait * 2).min(WAIT_MAX);
            match shared.spawn(program) {
                Ok(child) => break child,
                Err(error) => shared.say.aside(&format!("{error:#}")),
            }
        };
        shared.write_ready_file();
    }
}

async fn end(shared: &Shared, program: Program, mut child: Child) {
    let process = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(process) = process {
        // Gone already: then waiting returns at once.
        kill_process(process, Signal::TERM).ok();
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        shared.say.aside(&format!("{} did not end within {} s, killing it", program.name(), GRACE.as_secs()));
        drop(child.kill().await);
    }
}

/// "signal 9", "exit code 2".
fn said(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    let code = || status.code().map_or_else(|| "unknown".to_owned(), |code| format!("exit code {code}"));
    status.signal().map_or_else(code, |signal| format!("signal {signal}"))
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program is started through this very executable (see [`crate::tether`]), so that it ends with the
    /// demo even if the demo is killed. Its own process group keeps a Ctrl-C for the demo, which stops in order.
    fn spawn(&self, program: Program) -> anyhow::Result<Child> {
        let log_path = self.layout.log(program);
        let log = OpenOptions::new().create(true).append(true).open(&log_path)?;
        let child = Command::new(std::env::current_exe()?)
            .arg(crate::tether::ARGUMENT)
            .arg(std::process::id().to_string())
            .arg(self.layout.executable(program))
            .arg("--config")
            .arg(self.layout.config(program))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        if let Some(id) = child.id() {
            self.state().process_ids.insert(program, id);
        }
        Ok(child)
    }

    /// The last line that it wrote.
    fn last_words(&self, program: Program) -> String {
        let log = std::fs::read_to_string(self.layout.log(program)).unwrap_or_default();
        log.lines().next_back().unwrap_or("(nothing)").to_owned()
    }

    fn write_ready_file(&self) {
        let Some(path) = &self.ready_file else { return };
        let state = self.state();
        if !state.is_ready {
            return;
        }
        let programs = ALL.iter().map(|program| {
            let running = Running {
                pid: state.process_ids.get(program).copied(),
                url: self.layout.address(*program).map(|_| self.layout.url(*program)),
                ops: self.layout.ops_url(*program),
            };
            (program.name(), running)
        });
        let ready =
            Ready { pid: std::process::id(), data_dir: &self.layout.data_dir, programs: programs.collect() };
        let written = serde_json::to_vec_pretty(&ready).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|json| super::replace(path, &json)) {
            self.say.aside(&format!("`{}` cannot be written: {error}", path.display()));
        }
    }
}

/// The file of `--ready-file`.
#[derive(Serialize)]
struct Ready<'a> {
    /// Of the demo itself.
    pid: u32,
    data_dir: &'a std::path::Path,
    programs: BTreeMap<&'static str, Running>,
}

#[derive(Serialize)]
struct Running {
    /// `null` while it is dead.
    pid: Option<u32>,
    url: Option<String>,
    ops: String,
}
