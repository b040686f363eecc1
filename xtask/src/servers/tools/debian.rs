//! Packages of the Debian, or its kin, that runs here.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::{answer, quiet};

/// Unpacks a package and whatever it needs that is not installed, without installing anything: no root is needed, and
/// no service starts. apt checks the sums that the archive signed.
pub(crate) fn unpacked(package: &str, into: &Path) -> anyhow::Result<()> {
    ensure!(answer("apt-get", &["--version"]).is_some(), "this machine has no apt-get");
    let own = into.join("apt");
    let archives = own.join("cache/archives");
    std::fs::create_dir_all(archives.join("partial"))?;
    std::fs::create_dir_all(own.join("lists/partial"))?;
    let apt = || {
        let mut apt = Command::new("apt-get");
        // Lists and downloads of our own: the machine's may be old, and are not ours to change.
        apt.arg("-o").arg(format!("Dir::State::lists={}", own.join("lists").display()));
        apt.arg("-o").arg(format!("Dir::Cache={}", own.join("cache").display()));
        apt.args(["-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User=root", "-qq", "-y"]);
        apt
    };
    quiet(apt().arg("update"))?;
    quiet(apt().args(["install", "--download-only", "--no-install-recommends", package]))?;
    for entry in std::fs::read_dir(&archives)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            quiet(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(into))?;
        }
    }
    std::fs::remove_dir_all(own).context("cannot remove what apt fetched")
}

/// Installs packages on the machine; only root can, and whoever is not gets told what to do.
pub(crate) fn installed(packages: &[&str]) -> anyhow::Result<()> {
    let wanted = packages.join(" ");
    if !rustix::process::geteuid().is_root() || answer("apt-get", &["--version"]).is_none() {
        bail!("install it, for instance by `sudo apt-get install {wanted}`, and try again");
    }
    quiet(Command::new("apt-get").args(["-qq", "update"]))?;
    let mut install = Command::new("apt-get");
    install.args(["-qq", "-y", "install", "--no-install-recommends"]).args(packages);
    quiet(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(())
}
