//! CPU time and memory of processes, as the kernel counts them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// What some processes had used up at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent(BTreeMap<u32, Process>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Process {
    /// Nanoseconds of each thread that is alive (`schedstat`).
    threads: BTreeMap<u32, u64>,
    /// Of all threads, ended ones included, in steps of 10 ms (`stat`).
    ticks: Duration,
}

impl Spent {
    /// User and system time of all threads of these processes since they began.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn by(process_ids: &[u32]) -> anyhow::Result<Self> {
        process_ids.iter().map(|&id| Ok((id, Process::read(id)?))).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Since they began, threads that ended included; in steps of 10 ms.
    #[must_use]
    pub fn in_all(&self) -> Duration {
        self.0.values().map(|process| process.ticks).sum()
    }

    /// Between an earlier moment and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let none = Process::default();
        self.0.iter().map(|(id, process)| process.since(earlier.0.get(id).unwrap_or(&none))).sum()
    }
}

impl Process {
    fn read(process_id: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process_id}/stat");
        let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let ticks = ticks(&stat).with_context(|| format!("{path}: `{stat}`"))?;
        let mut threads = BTreeMap::new();
        for thread in std::fs::read_dir(format!("/proc/{process_id}/task"))? {
            let thread = thread?;
            let id = thread.file_name().to_string_lossy().parse();
            // A thread may end between being listed and being asked.
            let nanos =
                std::fs::read_to_string(thread.path().join("schedstat")).ok().and_then(|text| nanos(&text));
            if let (Ok(id), Some(nanos)) = (id, nanos) {
                threads.insert(id, nanos);
            }
        }
        Ok(Self { threads, ticks })
    }

    fn since(&self, earlier: &Self) -> Duration {
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        let has_lost_threads = earlier.threads.keys().any(|thread| !self.threads.contains_key(thread));
        // Kernels without `schedstat`, and threads that took their figures with them.
        if self.threads.is_empty() || has_lost_threads {
            return ticks;
        }
        let nanos = |(thread, now): (&u32, &u64)| {
            now.saturating_sub(earlier.threads.get(thread).copied().unwrap_or(0))
        };
        Duration::from_nanos(self.threads.iter().map(nanos).sum())
    }
}

/// The first number of a `schedstat`.
fn nanos(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// User and system time in a `stat`.
fn ticks(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses and may hold blanks; count from behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // USER_HZ has been 100 on every Linux architecture for decades; sysconf would need unsafe code.
    Some(Duration::from_millis(ticks * 10))
}

/// What a process holds in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that is in memory now, mapped files included.
    pub resident_bytes: u64,
    /// Of these, what no file holds.
    pub anonymous_bytes: u64,
}

impl Memory {
    /// Of these processes together; what they share counts for each.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn of(process_ids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for process_id in process_ids {
            let path = format!("/proc/{process_id}/status");
            let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            sum.resident_bytes +=
                bytes_after(&status, "VmRSS:").with_context(|| format!("{path}: no VmRSS"))?;
            sum.anonymous_bytes += bytes_after(&status, "RssAnon:").unwrap_or(0);
        }
        Ok(sum)
    }
}

fn bytes_after(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Keeps all threads that these processes have now, and those that they start, on one core.
///
/// # Errors
/// When one of them is gone, or the machine has no such core.
pub fn keep_on_core(process_ids: &[u32], core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    for process_id in process_ids {
        for thread in std::fs::read_dir(format!("/proc/{process_id}/task"))? {
            let thread: i32 = thread?.file_name().to_string_lossy().parse()?;
            sched_setaffinity(Pid::from_raw(thread), &cores)
                .with_context(|| format!("keeping thread {thread} on core {core}"))?;
        }
    }
    Ok(())
}

/// A process and all that it started.
#[must_use]
pub fn with_children(process_id: u32) -> Vec<u32> {
    let mut family = vec![process_id];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let path = format!("/proc/{parent}/task/{parent}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(threads: &[(u32, u64)], ticks_ms: u64) -> Spent {
        let process =
            Process { threads: threads.iter().copied().collect(), ticks: Duration::from_millis(ticks_ms) };
        Spent(BTreeMap::from([(7, process)]))
    }

    #[test]
    fn a_programs_name_may_look_like_fields() {
        let stat = "7 (a) b 1 2) S 1 7 7 0 -1 4194304 900 0 0 0 250 31 0 0 20 0 3 0 1 2 3";
        assert_eq!(ticks(stat), Some(Duration::from_millis(2_810)));
        assert_eq!(ticks("7 (short) S 1"), None);
        assert_eq!(nanos("978869 2274160 2\n"), Some(978_869));
    }

    #[test]
    fn threads_count_to_the_nanosecond_and_new_ones_from_zero() {
        let spent = process(&[(1, 500), (2, 70)], 10).since(&process(&[(1, 100)], 0));
        assert_eq!(spent, Duration::from_nanos(470));
    }

    #[test]
    fn a_thread_that_ended_took_its_nanoseconds_with_it_so_ticks_count() {
        let spent = process(&[(1, 500)], 40).since(&process(&[(1, 100), (2, 9)], 10));
        assert_eq!(spent, Duration::from_millis(30));
        assert_eq!(process(&[], 40).since(&process(&[], 10)), Duration::from_millis(30));
        assert_eq!(process(&[(1, 500)], 40).in_all(), Duration::from_millis(40));
    }

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let own = [std::process::id()];
        let before = Spent::by(&own).unwrap();
        let busy =
            (0..3_000_000_u64).fold(1_u64, |sum, step| std::hint::black_box(sum ^ step).rotate_left(3));
        assert_ne!(busy, 0);
        let after = Spent::by(&own).unwrap();
        assert!(after.0[&own[0]].threads.values().sum::<u64>() > 0);
        assert!(Memory::of(&own).unwrap().resident_bytes > 0);
        drop(before);
    }

    #[test]
    fn memory_is_read_in_kib() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nRssAnon:\t     100 kB\n";
        assert_eq!(bytes_after(status, "VmRSS:"), Some(1_234 * 1_024));
        assert_eq!(bytes_after(status, "RssAnon:"), Some(102_400));
        assert_eq!(bytes_after(status, "VmSwap:"), None);
    }
}
