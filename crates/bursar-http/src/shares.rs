//! Shares of what is bounded: of connections, of requests under way, of the bytes of their bodies, of WebSockets.
//!
//! No client has more than is left for all others, so that one that takes whatever it gets leaves half, and the next one half
//! of that.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::ip::unmapped;

/// How many each owner has. Copies count together.
pub(crate) struct Shares<K: Copy + Eq + Hash>(Arc<Mutex<Taken<K>>>);

/// What is taken.
struct Taken<K> {
    of: HashMap<K, usize>,
    total: usize,
}

/// So many of them, for as long as this is.
pub(crate) struct Share<K: Copy + Eq + Hash> {
    all: Shares<K>,
    owner: K,
    amount: usize,
}

impl<K: Copy + Eq + Hash> Shares<K> {
    /// One more for an owner, if it may have that: it is asked with how many the owner has, and all have.
    pub(crate) fn take(&self, owner: K, may: impl FnOnce(usize, usize) -> bool) -> Option<Share<K>> {
        let mut share = self.none(owner);
        share.grow(1, may).then_some(share)
    }

    /// A share of an owner that has nothing yet.
    pub(crate) fn none(&self, owner: K) -> Share<K> {
        Share { all: self.clone(), owner, amount: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has any; who has none is not remembered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let taken = self.lock();
        taken.of.is_empty() && taken.total == 0
    }
}

impl<K: Copy + Eq + Hash> Share<K> {
    /// So many more for its owner, if it may have them: it is asked with how many the owner has, and all have.
    #[must_use]
    pub(crate) fn grow(&mut self, more: usize, may: impl FnOnce(usize, usize) -> bool) -> bool {
        let mut taken = self.all.lock();
        let own = taken.of.get(&self.owner).copied().unwrap_or_default();
        if !may(own, taken.total) {
            return false;
        }
        taken.of.insert(self.owner, own.saturating_add(more));
        taken.total = taken.total.saturating_add(more);
        self.amount = self.amount.saturating_add(more);
        true
    }
}

impl Shares<IpAddr> {
    /// One more for a client, where so many are left for everybody; nothing if it has more than that already.
    pub(crate) fn take_of_client(&self, client: IpAddr, left: usize) -> Option<Share<IpAddr>> {
        self.take(household(client), |own, _| own <= left)
    }

    /// So many more for a client, where so many are left for everybody then; nothing if it had more than that with them.
    pub(crate) fn take_many_of_client(&self, client: IpAddr, more: u32, left: usize) -> Option<Share<IpAddr>> {
        let more = usize::try_from(more).ok()?;
        let mut share = self.none(household(client));
        share.grow(more, |own, _| own.saturating_add(more) <= left).then_some(share)
    }
}

impl<K: Copy + Eq + Hash> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Copy + Eq + Hash> Default for Shares<K> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Taken { of: HashMap::new(), total: 0 })))
    }
}

impl<K: Copy + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.all.lock();
        taken.total = taken.total.saturating_sub(self.amount);
        let Some(own) = taken.of.get_mut(&self.owner) else { return };
        *own = own.saturating_sub(self.amount);
        if *own == 0 {
            taken.of.remove(&self.owner);
        }
    }
}

/// Whoever has one address of IPv6 has 2^64 of them.
pub(crate) fn household(client: IpAddr) -> IpAddr {
    match unmapped(client) {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        client => client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes of eight whatever there is to get, and leaves the rest.
    fn greedy(shares: &Shares<IpAddr>, client: &str, taken: &mut Vec<Share<IpAddr>>) -> usize {
        let client = client.parse().unwrap();
        let before = taken.len();
        while let Some(share) =
            8_usize.checked_sub(taken.len() + 1).and_then(|left| shares.take_of_client(client, left))
        {
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
        assert!(shares.is_empty(), "who has nothing is not remembered");
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
