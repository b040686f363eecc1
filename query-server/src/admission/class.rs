//! What a request belongs to, told from its path before it is routed.

use http::Uri;

use crate::metrics::Endpoint;

/// In the order in which they are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Class {
    /// Lists, searches, the page for people, and whatever is not understood.
    Browse,
    /// Reads that wait for the client's own change.
    OwnWrite,
    /// Detail, batch and availability: somebody is about to order.
    Order,
}

impl Class {
    /// All, with their labels.
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Browse, "browse"), (Self::OwnWrite, "own_write"), (Self::Order, "order")];

    /// Of what was asked.
    #[must_use]
    pub const fn of(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Detail | Endpoint::Batch | Endpoint::Availability => Self::Order,
            Endpoint::OwnWrite => Self::OwnWrite,
            Endpoint::List | Endpoint::ListNear | Endpoint::Search | Endpoint::Home | Endpoint::Other => {
                Self::Browse
            }
        }
    }
}

/// What is asked, as far as a look at the URL tells: the values may be wrong, and no route may lead there.
pub(super) fn endpoint(uri: &Uri) -> Endpoint {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let Some(rest) = path.strip_prefix("/v1/") else {
        return if path == "/" { Endpoint::Home } else { Endpoint::Other };
    };
    if rest.starts_with("cells/") {
        return Endpoint::List;
    }
    let Some(shops) = rest.strip_prefix("shops") else {
        return match rest {
            "availability" => Endpoint::Availability,
            "search" => Endpoint::Search,
            _ => Endpoint::Other,
        };
    };
    match (shops, query) {
        // Whoever is sent to the canonical URL first is of the same class there.
        ("", query) if !has(query, "ids=") => Endpoint::ListNear,
        ("", query) if has(query, "min_revision=") => Endpoint::OwnWrite,
        ("", _) => Endpoint::Batch,
        (_, query) if has(query, "min_revision=") => Endpoint::OwnWrite,
        _ => Endpoint::Detail,
    }
}

/// Whether a parameter is given, by its name with `=`.
fn has(query: &str, name: &str) -> bool {
    query.split('&').any(|parameter| parameter.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_path_is_told_by_its_urls() {
        for (url, class) in [
            ("/v1/cells/88195da49bfffff/shops", Class::Browse),
            ("/v1/cells/88195da49bfffff/shops?sort=rating&cursor=ids=", Class::Browse),
            ("/v1/shops?lat=51.5&lng=-0.1", Class::Browse),
            ("/v1/search?q=ids=7&cell=88195da49bfffff", Class::Browse),
            ("/", Class::Browse),
            ("/nowhere", Class::Browse),
            ("/v1", Class::Browse),
            ("/v1/shops", Class::Browse),
            ("/v1/shops/7", Class::Order),
            ("/v1/shops?ids=1,2", Class::Order),
            ("/v1/availability?ids=1&lat=51.5&lng=-0.1", Class::Order),
            ("/v1/shops/7?min_revision=shop:1-42", Class::OwnWrite),
            ("/v1/shops?ids=7&min_revision=shop:1-42", Class::OwnWrite),
            ("/v1/shops?min_revision=shop:1-42&ids=7", Class::OwnWrite),
        ] {
            assert_eq!(Class::of(endpoint(&url.parse().unwrap())), class, "{url}");
        }
    }

    #[test]
    fn who_waits_for_the_own_change_and_who_browses_go_before_who_orders() {
        assert!(Class::Browse < Class::OwnWrite && Class::OwnWrite < Class::Order);
    }
}
