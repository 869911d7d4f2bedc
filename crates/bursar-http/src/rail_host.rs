//! Hosts of a rail's own: clients that know a host and a port, and no path, speak to the rail at `/`.
//!
//! A host only says which rail is meant. Who may speak to it, its token says, as at the rail's usual address.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::{Uri, header};

use crate::routes::RAIL_PREFIX;

/// The target at the rail's usual address, if the request came to a host of a rail's own.
pub(crate) fn usual_target(hosts: &BTreeMap<String, String>, request: &Request, target: &str) -> Option<String> {
    if hosts.is_empty() {
        return None;
    }
    let rail = hosts.get(&host(request)?.to_ascii_lowercase())?;
    // The rail itself is at the root, whose slash its usual address does not have.
    let rest = match target.strip_prefix('/') {
        Some(rest) if rest.is_empty() || rest.starts_with('?') => rest,
        _ => target,
    };
    Some(format!("{RAIL_PREFIX}{rail}{rest}"))
}

/// The host that a request is for, without its port.
fn host(request: &Request) -> Option<String> {
    if let Some(host) = request.uri().host() {
        return Some(host.to_owned());
    }
    let mut named = request.headers().get_all(header::HOST).iter();
    let (Some(one), None) = (named.next(), named.next()) else { return None };
    let authority = one.to_str().ok()?.parse::<Uri>().ok()?;
    authority.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn target(host: &str, target: &str) -> Option<String> {
        let hosts = BTreeMap::from([("bitcoin.internal".to_owned(), "node".to_owned())]);
        let request = Request::post(target).header("host", host).body(Body::empty()).unwrap();
        usual_target(&hosts, &request, target)
    }

    #[test]
    fn a_host_of_a_rails_own_has_the_rail_at_its_root() {
        for (asked, usual) in [
            ("/", "/rail/node"),
            ("/?a=1", "/rail/node?a=1"),
            ("/wallet/cold%20one", "/rail/node/wallet/cold%20one"),
            ("/rail/other", "/rail/node/rail/other"),
        ] {
            for host in ["bitcoin.internal", "Bitcoin.Internal:8332"] {
                assert_eq!(target(host, asked).as_deref(), Some(usual), "{host} {asked}");
            }
        }
        for host in ["internal", "bitcoin.internal.example", "x@bitcoin", "", "a b"] {
            assert_eq!(target(host, "/"), None, "{host}");
        }
    }
}
