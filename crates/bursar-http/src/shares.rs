//! Shares of what is bounded: of connections, and of requests under way. No client has more of it than is left for all
//! others, so that one that takes whatever it gets leaves half, and the next one half of that.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many each client has, by address.
#[derive(Clone, Default)]
pub(crate) struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them, for as long as this is.
pub(crate) struct Share {
    all: Shares,
    client: IpAddr,
}

impl Shares {
    /// One more for a client, where so many are left for everybody; nothing if it has more than that already.
    pub(crate) fn take(&self, client: IpAddr, left: usize) -> Option<Share> {
        let client = household(client);
        let mut all = self.lock();
        let has = all.entry(client).or_default();
        if *has > left {
            return None;
        }
        *has = has.saturating_add(1);
        Some(Share { all: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        let Some(has) = all.get_mut(&self.client) else { return };
        *has = has.saturating_sub(1);
        if *has == 0 {
            all.remove(&self.client);
        }
    }
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn household(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes of eight whatever there is to get, and leaves the rest.
    fn greedy(shares: &Shares, client: &str, taken: &mut Vec<Share>) -> usize {
        let client = client.parse().unwrap();
        let before = taken.len();
        while let Some(share) = 8_usize.checked_sub(taken.len() + 1).and_then(|left| shares.take(client, left)) {
            taken.push(share);
        }
        taken.len() - before
    }

    #[test]
    fn each_leaves_half_of_what_it_found() {
        let (shares, mut taken) = (Shares::default(), Vec::new());
        let got = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|client| greedy(&shares, client, &mut taken));
        assert_eq!(got, [4, 2, 1]);
        taken.clear();
        assert!(shares.lock().is_empty(), "who has nothing is not remembered");
        assert_eq!(greedy(&shares, "192.0.2.1", &mut taken), 4);
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_client() {
        let (shares, mut taken) = (Shares::default(), Vec::new());
        assert_eq!(greedy(&shares, "2001:db8:0:1::1", &mut taken), 4);
        assert_eq!(greedy(&shares, "2001:db8:0:1:ffff::7", &mut taken), 0);
        assert_eq!(greedy(&shares, "2001:db8:0:2::1", &mut taken), 2);
    }
}
