//! Where a request comes from. Forwarded headers count only while the peer is a configured proxy, and are
//! walked from the right: what stands further left anybody can have written.

use std::net::IpAddr;

use axum::http::HeaderMap;
use bursar_core::ip::unmapped;
use ipnet::IpNet;

/// The address of the client, as far as it can be believed.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = unmapped(peer);
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    // Hop by hop: what a client wrote and no text is must not hide what proxies wrote after it.
    let hops = forwarded.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops {
        if !is_among(client, trusted) {
            break;
        }
        match std::str::from_utf8(hop).unwrap_or_default().trim().parse() {
            Ok(address) => client = unmapped(address),
            // A proxy that writes nonsense is not followed any further.
            Err(_) => break,
        }
    }
    client
}

/// Whether an address is in one of these networks, an IPv4 address also in its IPv6 wrapping.
pub(crate) fn is_among(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = unmapped(address);
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(from("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(from("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_itself_does_not_count() {
        assert_eq!(from("10.0.0.1", &["127.0.0.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &["127.0.0.1", "198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &["127.0.0.1, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn bytes_that_are_no_text_hide_no_hop() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", axum::http::HeaderValue::from_bytes(b"\xff, 198.51.100.1").unwrap());
        let client = client("10.0.0.1".parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(client.to_string(), "198.51.100.1");
    }

    #[test]
    fn an_ipv4_address_is_taken_out_of_its_ipv6_wrapping() {
        assert_eq!(from("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }
}
