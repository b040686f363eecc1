//! nginx and wrk, from the distribution's packages, unpacked under `target/tools` without being installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

/// Where the packages are unpacked.
#[derive(Clone, Debug)]
pub struct Peers {
    root: PathBuf,
}

const PACKAGES: [&str; 4] = ["nginx", "wrk", "libluajit-5.1-2", "libluajit-5.1-common"];

impl Peers {
    /// Finds what an earlier run unpacked, or fetches it.
    ///
    /// # Errors
    /// On systems without `apt-get` and `dpkg`, or without their network.
    pub fn fetched(target: &Path) -> anyhow::Result<Self> {
        let tools = target.join("tools");
        let peers = Self { root: tools.join("root") };
        if peers.nginx().exists() && peers.wrk().exists() {
            return Ok(peers);
        }
        std::fs::create_dir_all(&peers.root)?;
        if run(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(&tools)).is_err() {
            // Package lists may be older than the mirror, or not be there at all.
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            run(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(&tools))?;
        }
        for package in std::fs::read_dir(&tools)? {
            let package = package?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                run(Command::new("dpkg").arg("-x").arg(&package).arg(&peers.root))?;
            }
        }
        Ok(peers)
    }

    /// The load generator.
    #[must_use]
    pub fn wrk(&self) -> PathBuf {
        self.root.join("usr/bin/wrk")
    }

    /// Where its library lies.
    #[must_use]
    pub fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH))
    }

    fn nginx(&self) -> PathBuf {
        self.root.join("usr/sbin/nginx")
    }

    /// nginx serving a directory at its best settings: open files kept, `sendfile`, no access log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_nginx(&self, directory: &Path, files: &Path, port: u16) -> anyhow::Result<Child> {
        let config = directory.join("nginx.conf");
        let (at, files) = (directory.display(), files.display());
        std::fs::write(
            &config,
            format!(
                "worker_processes 2; daemon off; pid {at}/nginx.pid; error_log {at}/nginx.log warn;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;\n\
                 open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s; open_file_cache_min_uses 1;\n\
                 client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u;\n\
                 scgi_temp_path {at}/s; types {{ application/json json; }}\n\
                 server {{ listen 127.0.0.1:{port} reuseport; root {files}; etag on;\n\
                 add_header Cache-Control \"public, s-maxage=10, stale-while-revalidate=30\"; }} }}\n"
            ),
        )?;
        Command::new(self.nginx())
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting nginx")
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
