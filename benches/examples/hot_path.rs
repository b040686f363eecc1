//! Counts the instructions of each kind of request under callgrind, and fails when one is not what
//! `benches/instructions.toml` says.
//!
//! In: this very program, started again under valgrind with `run`. Out: a verdict that does not depend on the clock or on
//! who else uses the machine. `cargo xtask test` builds it optimised and runs it; by hand: `cargo xtask instructions`, and
//! `cargo xtask instructions --accept` writes down what was counted. Counted is what this project does for a request,
//! from its head to its response, dropped at the end; not hyper, not the kernel.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use benches::instructions::{self, Instructions};
use benches::resident::{FullList, ResidentServer, get};
use benches::say;
use benches::tools::Tools;
use clap::{Parser, Subcommand};
use document_store::DocumentReader as _;
use futures_util::FutureExt as _;
use query_server::Config;
use shop_id::ShopId;

/// As in the query server: what is counted holds its allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as fill lists.
const SHOPS: u64 = 1_500;
/// Different ones of each kind, asked for in turn.
const PAGES: usize = 32;
/// Requests of each kind; the count per request is their mean.
const REQUESTS: usize = 512;
/// Valgrind is nowhere: what was asked for could not be tried.
const UNTESTED: u8 = 77;

const HEAD: &str = "# Instructions per request, counted by callgrind: `cargo xtask instructions`, with `--accept` to write them down anew.
# They depend on the compiler of rust-toolchain.toml, on the options in xtask/src/instructions.rs, and, where bytes are copied
# and packed, on what the processor has (here: AVX2, BMI2).
";

#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    task: Option<Task>,
    /// Write down what is counted, instead of comparing
    #[arg(long)]
    accept: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Goes all paths; what callgrind looks at
    Run,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.task {
        Some(Task::Run) => run().map(|()| ExitCode::SUCCESS),
        None => guard(options.accept),
    };
    done.unwrap_or_else(|error| {
        say(&format!("hot_path: {error:#}"));
        ExitCode::FAILURE
    })
}

/// One kind of request: its name, and how the n-th of it is answered.
type HotPath<'a> = (&'static str, Box<dyn Fn(usize) -> anyhow::Result<()> + 'a>);

fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let keeping = runtime.block_on(ResidentServer::open(SHOPS, &Config::default()))?;
    let composing = Config { pages_bytes_max: 0, ..Config::default() };
    let composing = runtime.block_on(ResidentServer::on(keeping.store.clone(), &composing))?;
    let lists = runtime.block_on(keeping.full_lists(PAGES))?;
    runtime.block_on(composing.full_lists(PAGES))?;
    let paths = paths(&keeping, &composing, &lists)?;
    for (name, answer) in &paths {
        // What is made once is not counted: pages kept at their first request, packed well at their fourth.
        (0..6 * PAGES).try_for_each(answer)?;
        measured(answer)?;
        writeln!(std::io::stdout(), "{name}")?;
    }
    Ok(())
}

/// By its name callgrind knows what to count.
const MEASURED: &str = "hot_path::measured";

#[inline(never)]
fn measured(answer: &dyn Fn(usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
    (0..REQUESTS).try_for_each(answer)
}

fn paths<'a>(
    keeping: &'a ResidentServer,
    composing: &'a ResidentServer,
    lists: &'a [FullList],
) -> anyhow::Result<Vec<HotPath<'a>>> {
    let lists_asked = lists.iter().map(|list| get(&list.url)).collect::<anyhow::Result<Vec<_>>>()?;
    let details_asked = (1..=PAGES).map(|shop| get(&format!("/v1/shops/{shop}")));
    let details_asked = details_asked.collect::<anyhow::Result<Vec<_>>>()?;
    let held = lists_asked.iter().map(|asked| held(keeping, asked)).collect::<anyhow::Result<Vec<_>>>()?;
    let no_cells = (0..PAGES).map(|cell| get(&format!("/v1/cells/88195da49bffff{cell:02}x/shops")));
    let pages: Vec<&[ShopId]> = lists.iter().map(|list| &list.answer.shop_ids[..]).collect();
    let buffer = std::cell::RefCell::new(Vec::with_capacity(64 << 10));
    Ok(vec![
        ("a kept list", asking(keeping, lists_asked.clone(), 200)),
        ("a kept list that the client holds", asking(keeping, held, 304)),
        ("a kept list, packed", asking(keeping, lists_asked.iter().map(packed).collect(), 200)),
        ("a composed list, packed", asking(composing, lists_asked.iter().map(packed).collect(), 200)),
        ("a composed list", asking(composing, lists_asked, 200)),
        ("a kept detail", asking(keeping, details_asked.clone(), 200)),
        ("a composed detail", asking(composing, details_asked, 200)),
        ("a refused cell", asking(keeping, no_cells.collect::<anyhow::Result<_>>()?, 400)),
        (
            "a gather of 25",
            Box::new(move |turn| {
                let gathered = keeping.reading.near.gather(pages[turn % PAGES]).now_or_never();
                ensure!(
                    gathered.is_some_and(|slots| slots.iter().all(Result::is_ok)),
                    "something is not resident"
                );
                Ok(())
            }),
        ),
        (
            "25 cards into a reused buffer",
            Box::new(move |turn| {
                let mut buffer = buffer.borrow_mut();
                buffer.clear();
                keeping.compose_into(&lists[turn % PAGES], &mut buffer)
            }),
        ),
    ])
}

/// Asks for these in turn.
fn asking<'a>(
    server: &'a ResidentServer,
    requests: Vec<http::Request<()>>,
    status: u16,
) -> Box<dyn Fn(usize) -> anyhow::Result<()> + 'a> {
    Box::new(move |turn| {
        let request = &requests[turn % requests.len()];
        let response = server.answer_at_once(request)?;
        ensure!(
            response.status() == status,
            "{} answered {}, expected {status}",
            request.uri(),
            response.status()
        );
        Ok(())
    })
}

/// The same request by a client that holds the answer.
fn held(server: &ResidentServer, request: &http::Request<()>) -> anyhow::Result<http::Request<()>> {
    let answer = server.answer_at_once(request)?;
    let tag = answer.headers().get("etag").context("a list without `ETag`")?;
    let mut again = request.clone();
    again.headers_mut().insert("if-none-match", tag.clone());
    Ok(again)
}

/// The same request by a client that unpacks.
fn packed(request: &http::Request<()>) -> http::Request<()> {
    let mut packed = request.clone();
    packed.headers_mut().insert("accept-encoding", http::HeaderValue::from_static("gzip, zstd"));
    packed
}

fn guard(accept: bool) -> anyhow::Result<ExitCode> {
    if !cfg!(target_arch = "x86_64") {
        say("what is written down was counted on x86-64; other instructions cannot be compared with it");
        return Ok(ExitCode::from(UNTESTED));
    }
    let this = std::env::current_exe()?;
    // target/debug/examples/hot_path
    let target = this.ancestors().nth(3).context("not in a target directory")?;
    let tools = Tools::of(target, &[("valgrind", "valgrind")]);
    let Ok(valgrind) = tools.command("valgrind").inspect_err(|error| say(&format!("{error:#}"))) else {
        return Ok(ExitCode::from(UNTESTED));
    };
    let counted = counted(valgrind, &this, &target.join("callgrind"))?;
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    if accept {
        instructions::write(&table, HEAD, &counted)?;
        return Ok(ExitCode::SUCCESS);
    }
    let differences = instructions::differences(&instructions::read(&table)?, &counted);
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    differences.iter().for_each(|difference| say(difference));
    say(
        "where they went: the files beside `target/callgrind/dump`, by `callgrind_annotate`; if it is meant to be so: `cargo xtask instructions --accept`, and say why in the commit",
    );
    Ok(ExitCode::FAILURE)
}

/// Goes all paths under callgrind, which writes a dump after each.
fn counted(mut valgrind: std::process::Command, this: &Path, dumps: &Path) -> anyhow::Result<Instructions> {
    // Of the last time.
    drop(std::fs::remove_dir_all(dumps));
    std::fs::create_dir_all(dumps)?;
    let dump = dumps.join("dump");
    valgrind
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", dump.display()))
        .args([format!("--toggle-collect={MEASURED}"), format!("--dump-after={MEASURED}")])
        .arg(this)
        .arg("run");
    let output = valgrind.output().context("valgrind cannot be started")?;
    if !output.status.success() {
        bail!("valgrind ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout)?;
    let mut counted = BTreeMap::new();
    for (name, number) in names.lines().zip(1..) {
        let file = PathBuf::from(format!("{}.{number}", dump.display()));
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("`{name}`: no {}", file.display()))?;
        let instructions =
            instructions::of_dump(&text).with_context(|| format!("`{name}`: {}", file.display()))?;
        ensure!(instructions > 0, "`{name}`: nothing was counted");
        counted.insert(name.to_owned(), instructions / u64::try_from(REQUESTS)?);
    }
    ensure!(!counted.is_empty(), "valgrind went no path");
    Ok(counted)
}
