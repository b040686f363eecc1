//! Varnish in front of nginx: everything is kept for a day, pages under `/esi/` are put together of fragments.

use std::net::SocketAddr;

use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::tools::Tools;

/// Starts it; where it listens.
///
/// # Errors
/// When it is not there or cannot be started. It compiles its configuration, for which it needs a C compiler.
pub fn start(tools: &Tools, place: &Place, origin: SocketAddr) -> anyhow::Result<(Child, SocketAddr)> {
    let directory = place.emptied("varnish")?;
    let address = children::free_address()?;
    let config = directory.join("pages.vcl");
    std::fs::write(
        &config,
        format!(
            "vcl 4.1;\n\
             backend default {{ .host = \"{}\"; .port = \"{}\"; }}\n\
             sub vcl_backend_response {{\n  \
               set beresp.ttl = 1d;\n  \
               if (bereq.url ~ \"^/esi/\") {{ set beresp.do_esi = true; }}\n\
             }}\n",
            origin.ip(),
            origin.port()
        ),
    )?;
    let mut command = tools.command("varnishd")?;
    command
        .args(["-F", "-j", "none", "-T", "none", "-s", "malloc,1g", "-a", &address.to_string()])
        // Our fragments are JSON; by itself Varnish looks for ESI in what begins like XML only.
        .args(["-p", "feature=+esi_disable_xml_check"])
        .arg("-n")
        .arg(directory.join("work"))
        .arg("-f")
        .arg(&config);
    Ok((Child::start("varnishd", &mut command, &place.log("varnish"))?, address))
}
