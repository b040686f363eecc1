//! A port -> the processes that listen on it, so that a server's CPU time can be read although somebody else started it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::ensure;

/// In `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Who listens on these ports of this machine.
///
/// # Errors
/// When nobody does on one of them, or somebody whose open files may not be looked at.
pub fn listening_on(ports: &[u16]) -> anyhow::Result<Vec<u32>> {
    let tables: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .map(|table| std::fs::read_to_string(table).unwrap_or_default())
        .collect();
    let mut found = BTreeSet::new();
    for port in ports {
        let sockets: BTreeSet<u64> = tables.iter().flat_map(|table| sockets_of(table, *port)).collect();
        let before = found.len();
        found.extend(process_ids().filter(|process_id| holds_one_of(*process_id, &sockets)));
        ensure!(found.len() > before, "no process can be seen to listen on port {port}");
    }
    Ok(found.into_iter().collect())
}

/// The inodes of sockets that listen on a port.
fn sockets_of(table: &str, port: u16) -> Vec<u64> {
    let listening = format!(":{port:04X}");
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let is_it = local.ends_with(&listening) && *state == LISTENING;
        is_it.then(|| inode.parse().ok())?
    };
    table.lines().filter_map(socket).collect()
}

fn process_ids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
}

/// A process that ended meanwhile holds none.
fn holds_one_of(process_id: u32, sockets: &BTreeSet<u64>) -> bool {
    let files = std::fs::read_dir(format!("/proc/{process_id}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|link| socket_of(&link).is_some_and(|socket| sockets.contains(&socket)))
}

/// `socket:[1234]`
fn socket_of(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_on_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
             1: 0100007F:18EB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n   \
             2: 0100007F:18EC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";
        assert_eq!(sockets_of(table, 6_379), [4_711]);
        assert_eq!(sockets_of(table, 1), [0_u64; 0]);
        assert_eq!(socket_of(Path::new("socket:[4711]")), Some(4_711));
        assert_eq!(socket_of(Path::new("/dev/null")), None);
    }

    #[test]
    fn this_process_is_found_by_the_port_that_it_listens_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listening_on(&[port]).unwrap(), [std::process::id()]);
        drop(listener);
        assert!(listening_on(&[port]).is_err());
    }
}
