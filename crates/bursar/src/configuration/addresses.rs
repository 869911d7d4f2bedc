//! Addresses as files write them, and what to write instead of what is none.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, de};

/// The bits of an IPv6 address before the IPv4 address in it.
const IPV4_PREFIX: u8 = 96;

/// Reads an address with its port.
pub(crate) fn listening<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        de::Error::custom(format!(
            "`{}` is no address with a port, such as 127.0.0.1:8080; names are not looked up",
            shown(&text)
        ))
    })
}

/// The same where nothing need be said.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    listening(deserializer).map(Some)
}

/// Reads whom to believe what it says of others: addresses and networks. Everybody would be believed about himself.
pub(crate) fn believed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    let networks = texts.iter().map(|text| network(text).map_err(de::Error::custom)).collect::<Result<Vec<_>, _>>()?;
    if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
        let problem =
            "`trusted_proxies` together are everybody, who could then come from any address; name the proxies";
        return Err(de::Error::custom(problem));
    }
    Ok(networks)
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map(unwrapped);
    match network {
        Ok(network) if network.prefix_len() == 0 => {
            Err(format!("`{}` is everybody, who could then come from any address; name the proxies", shown(text)))
        }
        Ok(network) => Ok(network),
        Err(_) => Err(format!("`{}` is no address or network, such as 127.0.0.1 or 10.1.0.0/16", shown(text))),
    }
}

/// A network of IPv4 out of its IPv6 wrapping, as addresses are taken out of it.
fn unwrapped(network: IpNet) -> IpNet {
    let IpNet::V6(wrapped) = network else { return network };
    let inside = wrapped.prefix_len().checked_sub(IPV4_PREFIX).zip(wrapped.addr().to_ipv4_mapped());
    inside.and_then(|(length, address)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_network_and_never_everybody() {
        for (text, read) in [("127.0.0.1", "127.0.0.1/32"), ("::1", "::1/128"), ("10.1.0.0/16", "10.1.0.0/16")] {
            assert_eq!(network(text).map(|network| network.to_string()), Ok(read.to_owned()));
        }
        assert_eq!(network("::ffff:10.0.0.0/104").map(|network| network.to_string()), Ok("10.0.0.0/8".to_owned()));
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert!(network(everybody).unwrap_err().contains("is everybody"), "{everybody}");
        }
        for none in ["", "localhost", "10.1.0.0/33", "127.0.0.1:80"] {
            assert!(network(none).unwrap_err().contains("is no address or network, such as"), "{none}");
        }
    }

    #[test]
    fn networks_that_together_are_everybody_are_refused_as_everybody_is() {
        #[derive(Deserialize, Debug)]
        struct File {
            #[serde(deserialize_with = "believed")]
            trusted_proxies: Vec<IpNet>,
        }
        let read = |list: &str| toml::from_str::<File>(&format!("trusted_proxies = [{list}]"));
        for everybody in
            ["'0.0.0.0/1', '128.0.0.0/1'", "'::/1', '10.0.0.1', '8000::/1'", "'0.0.0.0/1', '::ffff:128.0.0.0/97'"]
        {
            let told = read(everybody).unwrap_err().to_string();
            assert!(told.contains("`trusted_proxies` together are everybody"), "{told}");
        }
        assert_eq!(read("'0.0.0.0/1', '10.0.0.0/8'").unwrap().trusted_proxies.len(), 2);
    }
}
