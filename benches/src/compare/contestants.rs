//! Who is compared: a server, how it is asked, and for which kind of page.

use std::fmt;

use serde::Serialize;

use crate::compare::sampled::{Kind, Page};

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contestant {
    /// What is asked for.
    pub kind: Kind,
    /// Who answers, and how it is asked.
    pub role: Role,
}

/// Who answers, and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The reference: files, at nginx' best settings.
    NginxStatic,
    /// Files that were packed beforehand.
    NginxGzipStatic,
    /// Whole pages in Varnish.
    VarnishHit,
    /// Pages that Varnish puts together of fragments, all of them hits.
    VarnishEsi,
    /// hyper with one prepared body per URL.
    HyperPrepared,
    /// hyper copying the fragments into one body.
    HyperCopied,
    /// axum, one question to Redis, typed structs.
    AxumMget,
    /// axum, one question per shop.
    AxumGets,
    /// A kept page; on a detail, the detail.
    ShopfrontUnchanged,
    /// Every page made anew of resident cards.
    ShopfrontComposed,
    /// Every page made anew, no card resident.
    ShopfrontMisses,
    /// The client holds the page.
    ShopfrontNotModified,
    /// A kept page, packed.
    ShopfrontCoded(Coding),
    /// A page made anew, packed.
    ShopfrontComposedZstd,
}

/// How an answer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Zstandard.
    Zstd,
    /// Brotli.
    Br,
    /// gzip.
    Gzip,
}

impl Coding {
    /// As in `Accept-Encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The processes that answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// nginx without packing.
    Nginx,
    /// The same nginx on another port.
    NginxGzip,
    /// Varnish with nginx behind it.
    Varnish,
    /// Our hyper, bodies prepared.
    HyperPrepared,
    /// Our hyper, fragments copied.
    HyperCopied,
    /// Our axum and Redis.
    AxumRedis,
    /// A query server as it comes.
    Kept,
    /// A query server that keeps no page.
    Composed,
    /// A query server that keeps neither page nor card.
    Misses,
}

/// How a request differs from a plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Not at all.
    Plainly,
    /// It names the tag of the page as it is now.
    WithItsTag,
    /// It accepts a coding.
    Accepting(Coding),
}

const LIST_ROLES: [Role; 16] = [
    Role::NginxStatic,
    Role::NginxGzipStatic,
    Role::VarnishHit,
    Role::VarnishEsi,
    Role::HyperPrepared,
    Role::HyperCopied,
    Role::AxumMget,
    Role::AxumGets,
    Role::ShopfrontUnchanged,
    Role::ShopfrontComposed,
    Role::ShopfrontMisses,
    Role::ShopfrontNotModified,
    Role::ShopfrontCoded(Coding::Zstd),
    Role::ShopfrontCoded(Coding::Br),
    Role::ShopfrontCoded(Coding::Gzip),
    Role::ShopfrontComposedZstd,
];

const DETAIL_ROLES: [Role; 10] = [
    Role::NginxStatic,
    Role::NginxGzipStatic,
    Role::VarnishHit,
    Role::HyperPrepared,
    Role::AxumGets,
    Role::ShopfrontUnchanged,
    Role::ShopfrontNotModified,
    Role::ShopfrontCoded(Coding::Zstd),
    Role::ShopfrontCoded(Coding::Br),
    Role::ShopfrontCoded(Coding::Gzip),
];

/// All rows, in the order of the table.
#[must_use]
pub fn all() -> Vec<Contestant> {
    let of = |kind: Kind| {
        let roles: &[Role] = if kind == Kind::Detail { &DETAIL_ROLES } else { &LIST_ROLES };
        roles.iter().map(move |&role| Contestant { kind, role })
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

impl Role {
    /// Which processes answer.
    #[must_use]
    pub const fn server(self) -> Server {
        match self {
            Self::NginxStatic => Server::Nginx,
            Self::NginxGzipStatic => Server::NginxGzip,
            Self::VarnishHit | Self::VarnishEsi => Server::Varnish,
            Self::HyperPrepared => Server::HyperPrepared,
            Self::HyperCopied => Server::HyperCopied,
            Self::AxumMget | Self::AxumGets => Server::AxumRedis,
            Self::ShopfrontUnchanged | Self::ShopfrontNotModified | Self::ShopfrontCoded(_) => Server::Kept,
            Self::ShopfrontComposed | Self::ShopfrontComposedZstd => Server::Composed,
            Self::ShopfrontMisses => Server::Misses,
        }
    }

    /// How a request differs from a plain one.
    #[must_use]
    pub const fn asked(self) -> Asked {
        match self {
            Self::NginxGzipStatic => Asked::Accepting(Coding::Gzip),
            Self::ShopfrontNotModified => Asked::WithItsTag,
            Self::ShopfrontCoded(coding) => Asked::Accepting(coding),
            Self::ShopfrontComposedZstd => Asked::Accepting(Coding::Zstd),
            _ => Asked::Plainly,
        }
    }

    /// Whether it is ours.
    #[must_use]
    pub const fn is_shopfront(self) -> bool {
        matches!(self.server(), Server::Kept | Server::Composed | Server::Misses)
    }
}

impl Contestant {
    /// Where it has a page; `number` counts the pages of its kind.
    #[must_use]
    pub fn path(&self, number: usize, page: &Page) -> String {
        let folder = self.kind.folder();
        match (self.role, self.kind) {
            (role, _) if role.is_shopfront() => page.path.clone(),
            (Role::VarnishEsi, _) => format!("/esi/{folder}/{number}.json"),
            (Role::AxumMget, _) => format!("/mget/{folder}/{number}.json"),
            (Role::AxumGets, Kind::Detail) => format!("/details/{}", page.shop_ids.join("")),
            (Role::AxumGets, _) => format!("/gets/{folder}/{number}.json"),
            _ => format!("/{folder}/{number}.json"),
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.role, self.kind) {
            (Role::NginxStatic, _) => out.write_str("nginx, static files"),
            (Role::NginxGzipStatic, _) => out.write_str("nginx, gzip_static"),
            (Role::VarnishHit, _) => out.write_str("Varnish, hit"),
            (Role::VarnishEsi, _) => out.write_str("Varnish, ESI of a fragment per card"),
            (Role::HyperPrepared, _) => out.write_str("hyper, one prepared body per URL"),
            (Role::HyperCopied, _) => out.write_str("hyper, a fragment per card copied"),
            (Role::AxumMget, _) => out.write_str("axum + Redis MGET + serde_json"),
            (Role::AxumGets, Kind::Detail) => out.write_str("axum + Redis GET"),
            (Role::AxumGets, _) => out.write_str("axum + a Redis GET per card + serde_json"),
            (Role::ShopfrontUnchanged, Kind::Detail) => out.write_str("Shopfront, detail"),
            (Role::ShopfrontUnchanged, _) => out.write_str("Shopfront, unchanged"),
            (Role::ShopfrontComposed, _) => out.write_str("Shopfront, composed"),
            (Role::ShopfrontMisses, _) => out.write_str("Shopfront, near-cache misses"),
            (Role::ShopfrontNotModified, _) => out.write_str("Shopfront, 304"),
            (Role::ShopfrontCoded(coding), _) => write!(out, "Shopfront, unchanged, {}", coding.name()),
            (Role::ShopfrontComposedZstd, _) => out.write_str("Shopfront, composed, zstd"),
        }
    }
}

/// One request as it goes out.
#[must_use]
pub fn request(path: &str, asked: Asked, tag: Option<&str>) -> String {
    let header = match (asked, tag) {
        (Asked::Accepting(coding), _) => format!("Accept-Encoding: {}\r\n", coding.name()),
        (Asked::WithItsTag, Some(tag)) => format!("If-None-Match: {tag}\r\n"),
        _ => String::new(),
    };
    format!("GET {path} HTTP/1.1\r\nHost: shopfront\r\n{header}\r\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let all = all();
        let names: BTreeSet<String> = all.iter().map(|row| format!("{:?} {row}", row.kind)).collect();
        assert_eq!((names.len(), all.len()), (42, 42));
    }

    #[test]
    fn each_server_names_the_pages_in_its_own_way() {
        let page = Page { path: "/v1/shops/7".into(), body: String::new(), shop_ids: vec!["7".into()] };
        for (kind, role, expected) in [
            (Kind::Detail, Role::NginxGzipStatic, "/details/3.json"),
            (Kind::Detail, Role::AxumGets, "/details/7"),
            (Kind::Detail, Role::ShopfrontNotModified, "/v1/shops/7"),
            (Kind::List, Role::AxumGets, "/gets/lists/3.json"),
            (Kind::SmallList, Role::VarnishEsi, "/esi/small-lists/3.json"),
        ] {
            assert_eq!(Contestant { kind, role }.path(3, &page), expected);
        }
    }

    #[test]
    fn a_request_says_only_what_its_row_is_about() {
        assert_eq!(
            request("/7", Asked::Plainly, Some("\"a\"")),
            "GET /7 HTTP/1.1\r\nHost: shopfront\r\n\r\n"
        );
        assert!(request("/7", Asked::WithItsTag, Some("\"a\"")).contains("\r\nIf-None-Match: \"a\"\r\n\r\n"));
        assert!(
            request("/7", Asked::Accepting(Coding::Br), None).contains("\r\nAccept-Encoding: br\r\n\r\n")
        );
    }
}
