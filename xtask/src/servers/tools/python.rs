//! Python packages by pip with hashes for all of them, and a Python that is new enough for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{Tools, answer, debian, quiet};

/// Brings a newer Python where the machine has none.
const UV: &str = include_str!("../../../servers/uv.txt");

/// Those that lock files are made for, best first.
const MODERN: [&str; 2] = ["3.13", "3.12"];

impl Tools {
    /// A folder with the packages of a lock file, for the machine's own Python or for what they bring beside Python.
    pub(crate) fn python_packages(&self, name: &str, lock: &str) -> anyhow::Result<PathBuf> {
        self.made(name, lock, |folder| {
            let mut pip = pip()?;
            pip.args(["install", "--no-deps", "--target"]).arg(folder.join("packages"));
            install(&mut pip, folder, lock)
        })
        .map(|folder| folder.join("packages"))
    }

    /// An environment with the packages of a lock file and a Python of one of the versions that it is made for.
    pub(crate) fn python_environment(&self, name: &str, lock: &str) -> anyhow::Result<PathBuf> {
        let uv = self.python_packages("uv", UV)?.join("bin/uv");
        self.made(name, lock, |folder| {
            let python = self.modern(&uv)?;
            let environment = folder.join("environment");
            quiet(Command::new(&uv).args(["venv", "--quiet", "--python"]).arg(python).arg(&environment))?;
            // In a tenth of the time that pip takes for a hundred packages.
            let mut install_all = Command::new(&uv);
            install_all.args(["pip", "install", "--quiet", "--python"]).arg(environment.join("bin/python"));
            if let Some(mirror) = mirror() {
                install_all.env("UV_DEFAULT_INDEX", mirror);
            }
            install(&mut install_all, folder, lock)
        })
        .map(|folder| folder.join("environment"))
    }

    fn modern(&self, uv: &Path) -> anyhow::Result<PathBuf> {
        if let Some(python) = MODERN.iter().find_map(|version| on_this_machine(version)) {
            return Ok(python);
        }
        let own = self.folder("python");
        quiet(Command::new(uv).args(["python", "install", "--install-dir"]).arg(&own).arg(MODERN[0]))
            .context("Python 3.13 or 3.12 is needed and could not be fetched; install one (python3.13)")?;
        let found = quiet(
            Command::new(uv)
                .args(["python", "find", "--managed-python", MODERN[0]])
                .env("UV_PYTHON_INSTALL_DIR", own),
        )?;
        Ok(PathBuf::from(found.trim()))
    }
}

/// On the path, or one of pyenv's, which stand on the path only when chosen.
fn on_this_machine(version: &str) -> Option<PathBuf> {
    let says = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"];
    let is_it = |python: &PathBuf| answer(python, &says).is_some_and(|said| said.trim() == version);
    let on_path = PathBuf::from(format!("python{version}"));
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let versions = pyenv.and_then(|pyenv| std::fs::read_dir(pyenv.join("versions")).ok());
    let of_pyenv = versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python3"));
    std::iter::once(on_path).chain(of_pyenv).find(is_it)
}

/// The machine's pip, whichever Python it belongs to.
fn pip() -> anyhow::Result<Command> {
    let has_pip = || answer("python3", &["-m", "pip", "--version"]).is_some();
    if !has_pip() {
        debian::installed(&["python3-pip"]).context("Python 3 with pip is needed")?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // Root has no other place to install to, and nothing is installed outside of our folders.
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    Ok(pip)
}

/// Machines are usually set up for pip alone.
fn mirror() -> Option<String> {
    if let Ok(mirror) = std::env::var("UV_DEFAULT_INDEX").or_else(|_| std::env::var("PIP_INDEX_URL")) {
        return Some(mirror);
    }
    let mirror = answer("python3", &["-m", "pip", "config", "get", "global.index-url"])?;
    Some(mirror.trim().to_owned())
}

/// All with hashes, so that nothing but what the lock file names is ever installed.
fn install(installer: &mut Command, folder: &Path, lock: &str) -> anyhow::Result<()> {
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, lock)?;
    installer.args(["--require-hashes", "--requirement"]).arg(requirements);
    quiet(installer).map(drop)
}
