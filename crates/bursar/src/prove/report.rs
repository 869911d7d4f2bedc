//! What came of a run, in figures. Amounts are in satoshi.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::judge::{Broken, Evidence, State, sums, wallet_sum};
use super::witness::{Answer, Told};

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) kills: usize,
    pub(crate) took: Duration,
    pub(crate) tokens: Vec<TokenLine>,
    /// The limit that they share.
    pub(crate) wallet: WalletLine,
    /// Spends that were planned and not asked for, for want of time.
    pub(crate) unasked: usize,
    /// Acknowledged spends that are in the rail's book, and in the ledger.
    pub(crate) still_there: (usize, usize),
    /// Spends of which nobody ever said yes or no: how many had moved, and how many had not.
    pub(crate) reconciled: (usize, usize),
    /// How often an answer was lost: by a kill, and by the rail.
    pub(crate) lost: (usize, usize),
    pub(crate) broken: BTreeSet<Broken>,
}

/// What came of the spends of one token.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TokenLine {
    pub(crate) limit: u64,
    /// Spends that were asked for, and what they come to.
    pub(crate) asked: (usize, u64),
    /// Spends that were acknowledged.
    pub(crate) allowed: usize,
    /// Spends that its own limit had no room for.
    pub(crate) over_limit: usize,
    /// Spends that the wallet's limit had no room for.
    pub(crate) over_wallet: usize,
    /// Spends that the rail would not carry out.
    pub(crate) rail_refused: usize,
    /// Spends of which nobody said yes or no.
    pub(crate) doubtful: usize,
    /// Spends of which the ledger still does not know, after it asked the rail.
    pub(crate) unresolved: usize,
    /// What really moved, by the rail's book.
    pub(crate) moved: u64,
    /// What the token counts against its limit.
    pub(crate) counted: Option<u64>,
}

/// What came of the limit on the wallet, which all tokens share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct WalletLine {
    pub(crate) limit: u64,
    /// What really moved out of it, by the rail's book.
    pub(crate) moved: u64,
    /// What it counts against its limit.
    pub(crate) counted: Option<u64>,
}

impl Report {
    pub(super) fn new(
        evidence: &Evidence<'_>,
        broken: BTreeSet<Broken>,
        seed: u64,
        kills: usize,
        took: Duration,
    ) -> Self {
        let names = |is: fn(State) -> bool| -> BTreeSet<&str> {
            evidence.ledger.iter().filter(|one| is(one.state)).map(|one| one.name.as_str()).collect()
        };
        let (captured, held) = (names(|state| state == State::Captured), names(|state| state == State::Held));
        let book: BTreeSet<&str> = evidence.book.iter().map(|moved| moved.address.as_str()).collect();
        let mut tokens: Vec<TokenLine> = evidence.plan.limits.iter().map(|limit| TokenLine::of(*limit)).collect();
        let sums = sums(evidence);
        let wallet = WalletLine {
            limit: evidence.plan.wallet_limit,
            moved: wallet_sum(evidence, &sums).moved,
            counted: evidence.wallet_counted.as_ref().ok().copied(),
        };
        for ((line, sum), counted) in tokens.iter_mut().zip(sums).zip(evidence.counted) {
            line.moved = sum.moved;
            line.counted = counted.as_ref().ok().copied();
        }
        let (mut still_there, mut reconciled, mut lost) = ((0, 0), (0, 0), (0, 0));
        for (spend, told) in evidence.plan.spends.iter().zip(evidence.told).filter(|(_, told)| told.was_asked()) {
            let (name, address) = (spend.name(), spend.address());
            let (is_captured, has_moved) = (captured.contains(name.as_str()), book.contains(address.as_str()));
            let is_allowed = told.acknowledged().next().is_some();
            still_there.0 += usize::from(is_allowed && has_moved);
            still_there.1 += usize::from(is_allowed && is_captured);
            reconciled.0 += usize::from(told.is_doubtful() && has_moved);
            reconciled.1 += usize::from(told.is_doubtful() && !has_moved);
            lost.0 += told.count(&Answer::None);
            lost.1 += told.count(&Answer::Pending);
            if let Some(line) = tokens.get_mut(spend.token) {
                line.add(told, spend.amount);
                line.unresolved += usize::from(held.contains(name.as_str()));
            }
        }
        let unasked = evidence.told.iter().filter(|told| !told.was_asked()).count();
        Self { seed, kills, took, tokens, wallet, unasked, still_there, reconciled, lost, broken }
    }

    /// What all tokens come to.
    pub(crate) fn total(&self) -> TokenLine {
        self.tokens.iter().fold(TokenLine { counted: Some(0), ..TokenLine::default() }, |sum, line| TokenLine {
            limit: sum.limit + line.limit,
            asked: (sum.asked.0 + line.asked.0, sum.asked.1 + line.asked.1),
            allowed: sum.allowed + line.allowed,
            over_limit: sum.over_limit + line.over_limit,
            over_wallet: sum.over_wallet + line.over_wallet,
            rail_refused: sum.rail_refused + line.rail_refused,
            doubtful: sum.doubtful + line.doubtful,
            unresolved: sum.unresolved + line.unresolved,
            moved: sum.moved + line.moved,
            counted: sum.counted.zip(line.counted).map(|(sum, counted)| sum + counted),
        })
    }

    /// Why the run says nothing about limits, if it does not: no token came to its own, or none to the wallet's.
    pub(crate) fn inconclusive(&self) -> Option<String> {
        let total = self.total();
        let untried = match (total.over_limit, total.over_wallet) {
            _ if !self.broken.is_empty() => return None,
            (0, _) => "no token came to its limit",
            (_, 0) => "the tokens did not come to the wallet's limit",
            _ => return None,
        };
        Some(format!("{untried}; {} spends were not asked for", self.unasked))
    }

    /// The report for programs.
    pub(crate) fn document(&self) -> Value {
        let line = |line: &TokenLine| {
            json!({
                "limit": line.limit,
                "asked": line.asked.0,
                "askedAmount": line.asked.1,
                "allowed": line.allowed,
                "refusedByLimit": line.over_limit,
                "refusedByWallet": line.over_wallet,
                "refusedByRail": line.rail_refused,
                "inDoubt": line.doubtful,
                "unresolved": line.unresolved,
                "moved": line.moved,
                "counted": line.counted,
            })
        };
        let broken = |broken: &Broken| json!({"promise": broken.promise, "to": broken.to, "how": broken.how});
        json!({
            "seed": self.seed,
            "kills": self.kills,
            "seconds": self.took.as_secs_f64(),
            "notAsked": self.unasked,
            "total": line(&self.total()),
            "tokens": self.tokens.iter().map(line).collect::<Vec<_>>(),
            "wallet": {"limit": self.wallet.limit, "moved": self.wallet.moved, "counted": self.wallet.counted},
            "acknowledged": {"inBook": self.still_there.0, "inLedger": self.still_there.1},
            "inDoubt": {"moved": self.reconciled.0, "notMoved": self.reconciled.1},
            "answersLost": {"byKills": self.lost.0, "byRail": self.lost.1},
            "inconclusive": self.inconclusive(),
            "broken": self.broken.iter().map(broken).collect::<Vec<_>>(),
        })
    }
}

impl TokenLine {
    fn of(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    fn add(&mut self, told: &Told, amount: u64) {
        self.asked.0 += 1;
        self.asked.1 += amount;
        self.allowed += usize::from(told.acknowledged().next().is_some());
        self.over_limit += usize::from(told.has(&Answer::OverLimit));
        self.over_wallet += usize::from(told.has(&Answer::OverWallet));
        self.rail_refused += usize::from(told.has(&Answer::RailRefused));
        self.doubtful += usize::from(told.is_doubtful());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(tokens: Vec<TokenLine>) -> Report {
        let (took, wallet, broken) = (Duration::from_secs(1), WalletLine::default(), BTreeSet::new());
        let (still_there, reconciled, lost) = ((0, 0), (0, 0), (0, 0));
        Report { seed: 1, kills: 1, took, tokens, wallet, unasked: 7, still_there, reconciled, lost, broken }
    }

    #[test]
    fn a_run_in_which_a_limit_was_not_reached_shows_nothing() {
        let far = TokenLine { asked: (5, 20), allowed: 5, ..TokenLine::of(100) };
        assert!(report(vec![far.clone()]).inconclusive().unwrap().contains("7 spends were not asked for"));
        let near = TokenLine { over_limit: 1, ..far.clone() };
        assert!(report(vec![far.clone(), near.clone()]).inconclusive().unwrap().contains("the wallet's limit"));
        let at_wallets = TokenLine { over_wallet: 1, ..far.clone() };
        assert!(report(vec![at_wallets.clone()]).inconclusive().unwrap().contains("no token came to its limit"));
        assert_eq!(report(vec![at_wallets, near]).inconclusive(), None);
        let broken =
            BTreeSet::from([Broken { promise: "P1", to: "token 0".to_owned(), how: "moved too much".to_owned() }]);
        assert_eq!(Report { broken, ..report(vec![far]) }.inconclusive(), None, "that shows something");
    }

    #[test]
    fn the_total_counts_what_every_token_counts_or_nothing() {
        let line = TokenLine { asked: (2, 9), moved: 4, counted: Some(4), ..TokenLine::of(10) };
        let total = report(vec![line.clone(), line.clone()]).total();
        assert_eq!((total.limit, total.asked, total.moved, total.counted), (20, (4, 18), 8, Some(8)));
        let silent = TokenLine { counted: None, ..line.clone() };
        assert_eq!(report(vec![line, silent]).total().counted, None);
    }
}
