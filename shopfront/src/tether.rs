//! Ties a child's life to its parent's: a demo that is killed leaves no programs behind that hold its ports.
//!
//! Linux can signal a process when its parent ends, but only the process itself can ask for it, before its
//! program begins: the executable starts itself, asks, and becomes the program. Elsewhere the program simply
//! begins, and a killed demo leaves its children to be stopped by hand.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

/// Stands first among the arguments; not for people.
pub(crate) const ARGUMENT: &str = "tethered-child";

/// Becomes the program `arguments[1]` with the arguments after it, to be killed when process `arguments[0]` ends.
/// Returns only if that failed.
pub(crate) fn become_child(arguments: &[OsString]) -> anyhow::Error {
    let [parent, program, arguments @ ..] = arguments else {
        return anyhow::anyhow!("`{ARGUMENT}` is for `shopfront demo` itself");
    };
    if let Err(error) = tie(parent) {
        return error;
    }
    std::process::Command::new(program).args(arguments).exec().into()
}

#[cfg(target_os = "linux")]
fn tie(parent: &OsString) -> anyhow::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the request.
    let now = getppid().map(|id| id.as_raw_nonzero().to_string());
    anyhow::ensure!(now.as_deref().map(std::ffi::OsStr::new) == Some(parent.as_os_str()), "the demo ended");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn tie(_parent: &OsString) -> anyhow::Result<()> {
    Ok(())
}
