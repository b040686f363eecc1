//! What a connection died of, in the words of whoever tried -> where to look.
//!
//! Resolvers, sockets and TLS say the same whoever uses them, and clients only pass their words on.

/// What the two ways to one kind of server are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schemes {
    pub(super) plain: &'static str,
    pub(super) tls: &'static str,
    /// The setting with certificates to trust.
    pub(super) ca_file: &'static str,
}

pub(super) const REDIS: Schemes =
    Schemes { plain: "redis://", tls: "rediss://", ca_file: "`ca_file=` behind the `?` of `store`" };
#[cfg(feature = "elasticsearch")]
pub(super) const HTTP: Schemes =
    Schemes { plain: "http://", tls: "https://", ca_file: "`search_access.ca_file`" };

/// `setting`: of the address. What is unknown here is for somebody who sees more.
pub(super) fn fix(reason: &str, setting: &str, has_tls: bool, schemes: &Schemes) -> String {
    let Schemes { plain, tls, ca_file } = schemes;
    let said = reason.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["lookup", "name or service", "name resolution", "no such host", "nodename"]) {
        return format!("correct the host name in `{setting}`, or the resolver of this machine");
    }
    if says(&["connection refused"]) {
        return format!(
            "start it, or correct host and port in `{setting}`; a container has a `localhost` of its own"
        );
    }
    if has_tls && says(&["corrupt message", "invalidcontenttype", "wrong version number"]) {
        return format!(
            "nobody speaks TLS at this port: say `{plain}` in `{setting}`, or give the port that speaks TLS"
        );
    }
    if has_tls && says(&["certificate", "unknownissuer", "notvalidforname"]) {
        return format!(
            "let {ca_file} name the authority that signed the server's certificate, and `{setting}` the host that stands in it"
        );
    }
    if !has_tls
        && says(&[
            "eof",
            "end of file",
            "reset by peer",
            "closed",
            "broken pipe",
            "invalid http version",
            "dropped",
        ])
    {
        return format!(
            "if this port speaks TLS, say `{tls}` in `{setting}`; otherwise see the server's own log"
        );
    }
    if says(&["timed out", "unreachable", "no route", "deadline"]) {
        return format!(
            "see whether a firewall or security group is in between, then host and port in `{setting}`"
        );
    }
    format!("see the server's own log, and `{setting}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_that_a_connection_dies_leads_somewhere_else() {
        for (reason, has_tls, expected) in [
            (
                "failed to lookup address information: Name or service not known",
                false,
                "correct the host name",
            ),
            ("tcp connect error: Connection refused (os error 111)", true, "start it"),
            ("received corrupt message of type InvalidContentType", true, "say `redis://` in `store`"),
            ("invalid peer certificate: UnknownIssuer", true, "`ca_file=` behind"),
            ("unexpected end of file", false, "say `rediss://` in `store`"),
            ("Connection reset by peer (os error 104)", false, "say `rediss://` in `store`"),
            ("No route to host (os error 113)", false, "firewall"),
            ("something else", false, "see the server's own log, and `store`"),
        ] {
            let fix = fix(reason, "store", has_tls, &REDIS);
            assert!(fix.contains(expected), "{reason}: {fix}");
        }
    }
}
