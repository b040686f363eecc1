//! CPU time of processes, as the kernel counts it.

use std::time::Duration;

use anyhow::Context;

/// User and system time of all threads of these processes since they began, in ticks of 10 ms.
///
/// # Errors
/// When one of them is gone.
pub fn spent(process_ids: &[u32]) -> anyhow::Result<Duration> {
    let mut ticks = 0_u64;
    for process_id in process_ids {
        let path = format!("/proc/{process_id}/stat");
        let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // The second field is the program's name in parentheses and may hold blanks; count from behind it.
        let (_, fields) = stat.rsplit_once(") ").with_context(|| format!("{path} has no name"))?;
        let fields: Vec<&str> = fields.split(' ').collect();
        for field in [11, 12] {
            ticks += fields.get(field).context("a short stat line")?.parse::<u64>()?;
        }
    }
    // USER_HZ has been 100 on every Linux architecture for decades; sysconf would need unsafe code.
    Ok(Duration::from_millis(ticks * 10))
}

/// Resident bytes of a process.
///
/// # Errors
/// When it is gone.
pub fn resident_bytes(process_id: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("an empty VmRSS")?.parse()?;
    Ok(kib * 1024)
}

/// A process and all that it started.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn with_children(process_id: u32) -> anyhow::Result<Vec<u32>> {
    let mut family = vec![process_id];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let path = format!("/proc/{parent}/task/{parent}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    Ok(family)
}
