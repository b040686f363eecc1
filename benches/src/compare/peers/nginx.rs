//! nginx serving files as well as it can: open files kept, no access log, one worker per core.
//!
//! Pages of this size it reads into a buffer and sends together with their head: one `writev`. With `sendfile` and
//! `tcp_nopush` a page of 4 kB costs it 12.1 µs instead of 10.1, one of 19.5 kB as much; with `sendfile` alone both cost more.

use std::net::SocketAddr;

use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::peer::CACHE_CONTROL_VALUE;
use crate::tools::Tools;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    /// Master and workers.
    pub child: Child,
    /// Files as they are.
    pub plain: SocketAddr,
    /// Files as they were packed beforehand, for those who accept it.
    pub gzip: SocketAddr,
}

/// Starts it on the sampled pages.
///
/// # Errors
/// When it is not there or cannot be started.
pub fn start(tools: &Tools, place: &Place) -> anyhow::Result<Nginx> {
    let directory = place.emptied("nginx")?;
    let (plain, gzip) = (children::free_address()?, children::free_address()?);
    let (at, files) = (directory.display(), place.files());
    let files = files.display();
    // Workers of another user could not read below a private home; as root, nginx would choose one.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let config = directory.join("nginx.conf");
    std::fs::write(
        &config,
        format!(
            "worker_processes auto; daemon off; {user} pid {at}/nginx.pid; error_log {at}/error.log warn;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile off; output_buffers 1 64k; tcp_nodelay on; keepalive_requests 1000000000;\n\
             open_file_cache max=50000 inactive=3600s; open_file_cache_valid 3600s; open_file_cache_min_uses 1;\n\
             client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u;\n\
             scgi_temp_path {at}/s; types {{ application/json json; }} root {files}; etag on;\n\
             add_header Cache-Control \"{CACHE_CONTROL_VALUE}\";\n\
             server {{ listen {plain} reuseport; }}\n\
             server {{ listen {gzip} reuseport; gzip_static on; gzip_vary on; }} }}\n"
        ),
    )?;
    let mut command = tools.command("nginx")?;
    // Until the configuration is read, words go to a compiled-in path that need not exist.
    command.arg("-e").arg(directory.join("error.log")).arg("-p").arg(&directory).arg("-c").arg(&config);
    Ok(Nginx { child: Child::start("nginx", &mut command, &place.log("nginx"))?, plain, gzip })
}
