//! Whether what happened is what was promised (SECURITY.md). Pure: who judges has the rail's book, the ledger's
//! list, what each token counts, and the memory of what was answered; none of these has seen another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::plan::{Plan, Spend};
use super::witness::{Answer, Told};

/// Money that moved, by the rail's own book.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    /// What the rail calls it.
    pub(crate) txid: String,
    /// Where it went.
    pub(crate) address: String,
    /// What left the wallet, in satoshi.
    pub(crate) amount: u64,
}

/// A spend as the ledger has it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// What the client called it.
    pub(crate) name: String,
    /// What the rail calls it, once it is captured.
    pub(crate) txid: Option<String>,
    /// What became of it.
    pub(crate) state: State,
}

/// What the ledger says became of a spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The money moved.
    Captured,
    /// It did not.
    Released,
    /// Nobody knows; it must be counted.
    Held,
}

/// What the wallet is called that all tokens spend from.
const WALLET: &str = "the wallet";

/// All there is to judge by.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    /// By the spend's number.
    pub(crate) told: &'a [Told],
    pub(crate) book: &'a [Moved],
    pub(crate) ledger: &'a [Listed],
    /// What each token counts against its limit, in satoshi; or why it does not say.
    pub(crate) counted: &'a [Result<u64, String>],
    /// What the wallet counts against the limit that all tokens share, in satoshi; or why it does not say.
    pub(crate) wallet_counted: &'a Result<u64, String>,
}

/// A promise that was not kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Broken {
    /// Which, by the numbers of SECURITY.md: P1 to P11, I1 to I8.
    pub(crate) promise: &'static str,
    /// To whom: a token or a spend.
    pub(crate) to: String,
    /// How.
    pub(crate) how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.promise, self.to, self.how)
    }
}

/// Every promise that was not kept, each once.
pub(crate) fn judge(evidence: &Evidence<'_>) -> BTreeSet<Broken> {
    let mut broken = BTreeSet::new();
    let mut find = |promise, to: &str, how: String| {
        broken.insert(Broken { promise, to: to.to_owned(), how });
    };
    let sums = sums(evidence);
    limits(evidence, &sums, &mut find);
    answers(evidence, &mut find);
    book_and_ledger(evidence, &mut find);
    budgets(evidence, &sums, &mut find);
    broken
}

/// Adds what was found later. What was found before in the same place is told as it is now.
pub(crate) fn add(broken: &mut BTreeSet<Broken>, later: BTreeSet<Broken>) {
    let places: BTreeSet<_> = later.iter().map(|one| (one.promise, one.to.clone())).collect();
    broken.retain(|one| !places.contains(&(one.promise, one.to.clone())));
    broken.extend(later);
}

/// What became of a token's money, in satoshi.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sum {
    /// What moved, by the book.
    pub(crate) moved: u64,
    /// What the ledger holds because it does not know.
    pub(crate) held: u64,
}

/// What became of each token's money.
pub(crate) fn sums(evidence: &Evidence<'_>) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); evidence.plan.limits.len()];
    let (owners, states) = (owners(evidence), states(evidence));
    for moved in evidence.book {
        if let Some(sum) = owners.get(&moved.address).and_then(|spend| sums.get_mut(spend.token)) {
            sum.moved += moved.amount;
        }
    }
    for spend in &evidence.plan.spends {
        let is_held = states.get(spend.name().as_str()).is_some_and(|states| states.contains(&State::Held));
        if let Some(sum) = sums.get_mut(spend.token).filter(|_| is_held) {
            sum.held += spend.amount;
        }
    }
    sums
}

/// What became of the wallet's money: all that moved, whoever asked for it.
pub(crate) fn wallet_sum(evidence: &Evidence<'_>, sums: &[Sum]) -> Sum {
    let moved = evidence.book.iter().map(|moved| moved.amount).sum();
    Sum { moved, held: sums.iter().map(|sum| sum.held).sum() }
}

/// P1: no token moves more than its limit, and all together no more than the wallet's.
fn limits(evidence: &Evidence<'_>, sums: &[Sum], find: &mut impl FnMut(&'static str, &str, String)) {
    for (token, (limit, Sum { moved, .. })) in evidence.plan.limits.iter().zip(sums).enumerate() {
        if moved > limit {
            find("P1", &format!("token {token}"), format!("moved {moved} with a limit of {limit}"));
        }
    }
    let (moved, limit) = (wallet_sum(evidence, sums).moved, evidence.plan.wallet_limit);
    if moved > limit {
        find("P1", WALLET, format!("moved {moved} with a limit of {limit}"));
    }
}

/// P2 and I6: yes is yes and no is no.
fn answers(evidence: &Evidence<'_>, find: &mut impl FnMut(&'static str, &str, String)) {
    let book: BTreeMap<&str, &Moved> = evidence.book.iter().map(|moved| (moved.address.as_str(), moved)).collect();
    let captured: BTreeMap<&str, &str> =
        evidence.ledger.iter().filter_map(|one| Some((one.txid.as_deref()?, one.name.as_str()))).collect();
    for (spend, told) in evidence.plan.spends.iter().zip(evidence.told) {
        let (name, moved) = (spend.name(), book.get(spend.address().as_str()));
        for txid in told.acknowledged() {
            if moved.is_none_or(|moved| moved.txid != txid) {
                find("P2", &name, format!("was acknowledged as {txid}, which is not in the rail's book"));
            }
            if captured.get(txid) != Some(&name.as_str()) {
                find("P2", &name, format!("was acknowledged as {txid}, which the ledger does not have"));
            }
        }
        if told.was_refused() && moved.is_some() {
            find("I6", &name, "was refused, and its money moved".to_owned());
        }
        for answer in &told.answers {
            if let Answer::Strange(what) = answer {
                find("P6", &name, format!("was answered otherwise than it may be: {what}"));
            }
        }
    }
}

/// I2 and P4: money moves once and as asked, and book and ledger say the same.
fn book_and_ledger(evidence: &Evidence<'_>, find: &mut impl FnMut(&'static str, &str, String)) {
    let (owners, states) = (owners(evidence), states(evidence));
    let mut seen = BTreeSet::new();
    for moved in evidence.book {
        let Some(spend) = owners.get(&moved.address) else {
            find("P11", &moved.address, format!("got {}, and nobody asked for that", moved.amount));
            continue;
        };
        let name = spend.name();
        if !seen.insert(&moved.address) {
            find("I2", &name, "moved twice".to_owned());
        }
        if moved.amount != spend.amount {
            find("I2", &name, format!("moved {} and not {}", moved.amount, spend.amount));
        }
        let known = states.get(name.as_str());
        if known.is_none_or(|known| known.iter().all(|state| *state == State::Released)) {
            find("P4", &name, "moved, and the ledger does not count it".to_owned());
        }
    }
    let book: BTreeSet<&str> = evidence.book.iter().map(|moved| moved.txid.as_str()).collect();
    for one in evidence.ledger.iter().filter(|one| one.state == State::Captured) {
        if one.txid.as_deref().is_none_or(|txid| !book.contains(txid)) {
            find("I8", &one.name, "is captured in the ledger, and nothing moved".to_owned());
        }
    }
}

/// P4 and I8: a token, and the wallet, counts what it moved and what nobody knows of, no less and no more.
fn budgets(evidence: &Evidence<'_>, sums: &[Sum], find: &mut impl FnMut(&'static str, &str, String)) {
    let tokens = evidence.counted.iter().zip(sums.iter().copied()).enumerate();
    let tokens = tokens.map(|(token, (counted, sum))| (format!("token {token}"), counted, sum));
    let wallet = (WALLET.to_owned(), evidence.wallet_counted, wallet_sum(evidence, sums));
    for (name, counted, sum) in tokens.chain([wallet]) {
        let expected = sum.moved + sum.held;
        match counted {
            Ok(counted) if *counted < expected => {
                find("P4", &name, format!("counts {counted}, but {expected} moved or may have"));
            }
            Ok(counted) if *counted > expected => {
                find("I8", &name, format!("counts {counted}, but only {expected} moved or may have"));
            }
            Ok(_) => {}
            Err(problem) => find("P2", &name, format!("is gone: {problem}")),
        }
    }
}

/// Which spend an address is of.
fn owners<'a>(evidence: &Evidence<'a>) -> BTreeMap<String, &'a Spend> {
    evidence.plan.spends.iter().map(|spend| (spend.address(), spend)).collect()
}

/// What the ledger says of each name. What was released may have been asked for again.
fn states<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, Vec<State>> {
    let mut states = BTreeMap::<&str, Vec<State>>::new();
    for one in evidence.ledger {
        states.entry(&one.name).or_default().push(one.state);
    }
    states
}

#[cfg(test)]
mod tests;
