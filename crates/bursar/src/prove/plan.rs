//! What is asked for, all of it decided before it begins: the same seed asks for the same. Pure.
//!
//! Every spend pays to an address of its own, so that the rail's book alone tells who moved what.

use sha2::{Digest, Sha256};

/// Of 256 spends, so many ask the rail for each fault.
const FAULTS: [(u8, &str); 5] = [
    (10, "sandbox:drop-answer"),
    (10, "sandbox:fail-after-send"),
    (10, "sandbox:refuse"),
    (6, "sandbox:never"),
    (2, "sandbox:slow"),
];

/// The most that one spend moves, in satoshi.
const LARGEST: u64 = 9;

/// How big a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// Spends that are asked for.
    pub(crate) spends: usize,
    /// Tokens that ask, each with a limit of its own.
    pub(crate) tokens: usize,
    /// Connections that ask at the same time.
    pub(crate) connections: usize,
    /// How often the server is killed in the midst of it.
    pub(crate) kills: usize,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The limit of each token, in satoshi: a quarter of what it asks for, or all of it.
    pub(crate) limits: Vec<u64>,
    /// The limit of the wallet, which all tokens share: half of what they ask for together. It is reached last,
    /// by those whose own limits are in nobody's way.
    pub(crate) wallet_limit: u64,
    /// The spends in the order in which they are asked for.
    pub(crate) spends: Vec<Spend>,
}

/// One spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spend {
    number: usize,
    /// Which token asks.
    pub(crate) token: usize,
    /// How much, in satoshi.
    pub(crate) amount: u64,
    /// Whether it is asked for again when nobody said what became of it.
    pub(crate) insists: bool,
    fault: Option<&'static str>,
}

impl Plan {
    pub(crate) fn new(size: &Size, seed: u64) -> Self {
        let spends: Vec<Spend> = (0..size.spends).map(|number| Spend::new(number, size.tokens, seed)).collect();
        let asked = |token| spends.iter().filter(|spend| spend.token == token).map(|spend| spend.amount).sum::<u64>();
        let limit = |token| if token % 2 == 0 { asked(token) / 4 } else { asked(token) };
        let limits = (0..size.tokens).map(limit).collect();
        Self { limits, wallet_limit: spends.iter().map(|spend| spend.amount).sum::<u64>() / 2, spends }
    }
}

impl Spend {
    fn new(number: usize, tokens: usize, seed: u64) -> Self {
        let chance = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(number.to_be_bytes()).finalize();
        let [fault, amount, token, insists, ..] = <[u8; 32]>::from(chance);
        Self {
            number,
            token: usize::from(token) % tokens.max(1),
            amount: 1 + u64::from(amount) % LARGEST,
            insists: insists % 2 == 0,
            fault: fault_of(fault),
        }
    }

    /// What it is called, at the server.
    pub(crate) fn name(&self) -> String {
        format!("prove-{}", self.number)
    }

    /// Where it goes, and nothing else does.
    pub(crate) fn address(&self) -> String {
        format!("sandbox-{:040x}", self.number)
    }

    /// Who gets how much. A fault of the rail is asked for by an address that gets nothing.
    pub(crate) fn recipients(&self) -> Vec<(String, String)> {
        let fault = self.fault.map(|fault| (fault.to_owned(), "0".to_owned()));
        std::iter::once((self.address(), self.amount.to_string())).chain(fault).collect()
    }
}

fn fault_of(chance: u8) -> Option<&'static str> {
    let mut before = 0;
    FAULTS.iter().find_map(|(share, fault)| {
        before += share;
        (chance < before).then_some(*fault)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SIZE: Size = Size { spends: 2000, tokens: 4, connections: 1, kills: 0 };

    #[test]
    fn the_same_seed_asks_for_the_same_and_another_for_something_else() {
        assert_eq!(Plan::new(&SIZE, 1).spends, Plan::new(&SIZE, 1).spends);
        assert_ne!(Plan::new(&SIZE, 1).spends, Plan::new(&SIZE, 2).spends);
    }

    #[test]
    fn every_other_token_asks_for_more_than_its_limit_and_the_others_for_more_than_the_wallets() {
        let plan = Plan::new(&SIZE, 7);
        let mut all = 0;
        for (token, limit) in plan.limits.iter().enumerate() {
            let asked: u64 = plan.spends.iter().filter(|spend| spend.token == token).map(|spend| spend.amount).sum();
            assert!(*limit > 0 && *limit == if token % 2 == 0 { asked / 4 } else { asked });
            all += asked;
        }
        assert_eq!(plan.wallet_limit, all / 2);
        assert!(plan.limits.iter().sum::<u64>() > plan.wallet_limit, "the tokens' limits leave room to reach it");
    }

    #[test]
    fn every_spend_has_an_address_of_its_own() {
        let plan = Plan::new(&SIZE, 7);
        let addresses: BTreeSet<_> = plan.spends.iter().map(Spend::address).collect();
        assert_eq!(addresses.len(), plan.spends.len());
        assert!(plan.spends.iter().all(|spend| (1..=LARGEST).contains(&spend.amount)));
    }

    #[test]
    fn every_fault_of_the_rail_is_asked_for() {
        let plan = Plan::new(&SIZE, 7);
        for (_, fault) in FAULTS {
            let asks = |spend: &&Spend| spend.recipients().iter().any(|(to, amount)| to == fault && amount == "0");
            assert!(plan.spends.iter().any(|spend| asks(&spend)), "{fault}");
        }
        assert!(plan.spends.iter().filter(|spend| spend.recipients().len() == 1).count() > SIZE.spends / 2);
    }
}
