//! Reads take no lock: the kernel counts how often one thread waits for another or wakes it.
//!
//! Every lock that is not free, and every wake-up, is a call of `futex`. So the kernel is told to signal each such call of
//! the reading thread alone, and the signals are counted, while another thread saves and follows the change log. The reading
//! thread is a plain one: the runtime's threads park when they have nothing to do, which is no lock of a read.
//!
//! It stands here because shops of realistic size do; allocator and code are those of the query server.
#![allow(clippy::unwrap_used)]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use benches::resident::{FullList, ResidentServer, get};
use query_server::Config;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use shop_search::PAGE_SHOPS_MAX;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as fill lists.
const SHOPS: u64 = 1_500;
const LISTS: usize = 50;
/// Cards that are looked up and composed, 25 to a page.
const HITS: usize = 1_000_000;
const ANSWERS: usize = 40_000;
/// However fast the reader is, it goes on until so much was saved beside it.
const SAVES_MIN: u64 = 1_000;

/// Counts calls of `futex` of the threads that ask for it. One test at a time: a signal belongs to the process.
struct FutexCalls {
    signals: UnixStream,
    handler: signal_hook::SigId,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

/// Newer calls than libc has names for; their numbers are the same on all architectures.
const FUTEX_WAKE: i64 = 454;
const FUTEX_WAIT: i64 = 455;
const FUTEX_REQUEUE: i64 = 456;

impl FutexCalls {
    fn counting() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (signals, written) = UnixStream::pair().unwrap();
        // One byte per signal, written by the signal's handler.
        let handler = signal_hook::low_level::pipe::register(libc::SIGSYS, written).unwrap();
        Self { signals, handler, _alone: alone }
    }

    /// From now on, calls of this thread are signalled instead of done. For the rest of its life.
    fn of_this_thread(&self) {
        let calls = [libc::SYS_futex, libc::SYS_futex_waitv, FUTEX_WAKE, FUTEX_WAIT, FUTEX_REQUEUE];
        let rules: BTreeMap<i64, Vec<_>> = calls.map(|call| (call, Vec::new())).into();
        let (others, these) = (SeccompAction::Allow, SeccompAction::Trap);
        let filter = SeccompFilter::new(rules, others, these, std::env::consts::ARCH.try_into().unwrap());
        let program: BpfProgram = filter.unwrap().try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
    }

    /// Waits for the first one.
    fn first(&self) {
        (&self.signals).read_exact(&mut [0]).unwrap();
    }

    /// Those that were signalled and not read yet.
    fn count(&self) -> usize {
        self.signals.set_nonblocking(true).unwrap();
        let (mut all, mut bytes) = (0, [0; 4_096]);
        while let Ok(read) = (&self.signals).read(&mut bytes) {
            all += read;
        }
        all
    }
}

impl Drop for FutexCalls {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.handler);
    }
}

/// Tells the writer to end, also when an assertion of the reader failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Saves, counted, follows the log and publishes until told to end.
fn save_and_follow(server: &ResidentServer, saves: &AtomicU64, is_over: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let following = tokio::spawn(server.follow());
        while !is_over.load(Ordering::Relaxed) {
            let saved = saves.fetch_add(1, Ordering::Relaxed);
            server.save(1 + saved % SHOPS).await.unwrap();
            if saved.is_multiple_of(100) {
                server.publish();
            }
            // The follower's turn.
            tokio::task::yield_now().await;
        }
        following.abort();
    });
}

fn opened() -> (ResidentServer, Vec<FullList>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let server = ResidentServer::open(SHOPS, &Config::default()).await.unwrap();
        let lists = server.full_lists(LISTS).await.unwrap();
        (server, lists)
    })
}

/// Reads again and again in a plain thread beside a thread that saves; the calls of `futex`.
fn futex_calls_of(server: &ResidentServer, times: usize, read: impl Fn(usize, &mut Vec<u8>) + Sync) -> usize {
    let calls = FutexCalls::counting();
    let (saves, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let folded = server.reading.progress.folded();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| save_and_follow(server, &saves, &is_over));
        let reader = scope.spawn(|| {
            let _over = Over(&is_over);
            let mut buffer = Vec::with_capacity(64 << 10);
            // A thread makes itself known to the maps at its first look.
            read(0, &mut buffer);
            while server.reading.progress.folded() == folded {
                std::hint::spin_loop();
            }
            calls.of_this_thread();
            let goes_on = |turn: &usize| *turn < times || saves.load(Ordering::Relaxed) < SAVES_MIN;
            (0..).take_while(goes_on).for_each(|turn| read(turn, &mut buffer));
            calls.count()
        });
        // Joined one by one: the reader cannot wake a thread that waits for all.
        let counted = reader.join().unwrap();
        writer.join().unwrap();
        counted
    })
}

#[test]
fn a_million_hits_and_compositions_beside_saves_wait_for_nobody() {
    let (server, lists) = opened();
    let compose = |turn: usize, buffer: &mut Vec<u8>| {
        buffer.clear();
        server.compose_into(&lists[turn % LISTS], buffer).unwrap();
        assert!(buffer.len() > 10_000);
    };
    assert_eq!(futex_calls_of(&server, HITS / PAGE_SHOPS_MAX, compose), 0);
}

#[test]
fn answers_at_the_door_beside_saves_wait_for_nobody() {
    let (server, lists) = opened();
    let asked: Vec<_> = lists.iter().map(|list| get(&list.url).unwrap()).collect();
    let answer = |turn: usize, _: &mut Vec<u8>| {
        let response = server.answer_at_once(&asked[turn % LISTS]).unwrap();
        assert_eq!(response.status(), 200);
    };
    assert_eq!(futex_calls_of(&server, ANSWERS, answer), 0);
}

#[test]
fn who_waits_for_a_lock_is_counted() {
    let calls = FutexCalls::counting();
    let lock = Mutex::new(());
    std::thread::scope(|scope| {
        let held = lock.lock().unwrap();
        let waiting = scope.spawn(|| {
            calls.of_this_thread();
            drop(lock.lock().unwrap());
        });
        calls.first();
        drop(held);
        waiting.join().unwrap();
    });
}
