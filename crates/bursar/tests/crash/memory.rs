//! What the clients remember, and whether book and server agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::sync::Arc;

use bursar_core::amount::Amount;
use bursar_gateway::sandbox::Transfer;

use crate::client::{Client, Listed, Spend, Standing, Token};
use crate::desk::Done;
use crate::traffic::Seen;

/// A spend that was acknowledged.
struct Acknowledged {
    token: Arc<Token>,
    txid: String,
}

/// What was acknowledged, and what was asked for without an answer.
#[derive(Default)]
pub(crate) struct Memory {
    /// Every token whose creation was acknowledged.
    tokens: Vec<Arc<Token>>,
    revoked: BTreeSet<String>,
    /// Tokens of which nobody said whether they were revoked.
    doubtful: BTreeSet<String>,
    /// By the name the client gave.
    spends: BTreeMap<String, Acknowledged>,
    cut_off: Vec<(String, Arc<Token>)>,
    /// What was done at the desks, which know themselves what must be there.
    at_desks: BTreeMap<Done, usize>,
    /// How many spends that were cut off had been sent, and how many had been held and were released.
    interrupted: (usize, usize),
}

impl Memory {
    pub(crate) fn of(tokens: &[Arc<Token>]) -> Self {
        Self { tokens: tokens.to_vec(), ..Self::default() }
    }

    pub(crate) fn learn(&mut self, seen: Vec<Seen>) {
        for one in seen {
            match one {
                Seen::Spent { token, name, txid } => self.remember(name, token, txid),
                Seen::SpendCutOff { token, name } => self.cut_off.push((name, token)),
                Seen::Created(token) => self.tokens.push(token),
                Seen::Revoked(token) => drop(self.revoked.insert(token.id.clone())),
                Seen::RevocationCutOff(token) => drop(self.doubtful.insert(token.id.clone())),
                Seen::AtDesk(done) => *self.at_desks.entry(done).or_default() += 1,
            }
        }
    }

    fn remember(&mut self, name: String, token: Arc<Token>, txid: String) {
        let before = self.spends.insert(name, Acknowledged { token, txid });
        assert!(before.is_none(), "a name was used twice");
    }

    /// By the book alone: every acknowledged spend is in it, once, as its token's, and no token moved more
    /// than its limit.
    pub(crate) fn compare_with_book(&self, book: &[Transfer]) {
        let by_txid: BTreeMap<_, _> = book.iter().map(|transfer| (transfer.txid.as_str(), transfer)).collect();
        assert_eq!(by_txid.len(), book.len(), "a transaction is in the book twice");
        let txids: BTreeSet<_> = self.spends.values().map(|spend| spend.txid.as_str()).collect();
        assert_eq!(txids.len(), self.spends.len(), "two spends were acknowledged with one transaction");
        for (name, spend) in &self.spends {
            let transfer = by_txid.get(spend.txid.as_str()).unwrap_or_else(|| panic!("{name} is not in the book"));
            assert_eq!(transfer.recipients[0].address, spend.token.address, "{name}");
        }
        assert!(book.iter().all(|transfer| transfer.spent == Amount::new(1) && transfer.recipients.len() == 1));
        for token in &self.tokens {
            let moved = moved(book, token);
            assert!(moved <= token.limit, "{moved} moved with a limit of {}", token.limit);
        }
        let known: u64 = self.tokens.iter().map(|token| moved(book, token)).sum();
        assert_eq!(known, book.len() as u64, "something moved without a token");
    }

    /// The server lists as confirmed what is in the book and nothing else, under the names that were given;
    /// after a start nothing is left open.
    pub(crate) fn compare_with_transfers(&mut self, listed: &[Listed], book: &[Transfer]) {
        let confirmed: BTreeMap<_, _> = listed
            .iter()
            .filter(|one| one.state == "confirmed")
            .map(|one| (one.txid.as_deref().expect("a transaction"), one))
            .collect();
        let names: BTreeSet<_> = confirmed.values().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), confirmed.len(), "two spends of one name moved money");
        let in_book: BTreeMap<_, _> = book.iter().map(|one| (one.txid.as_str(), &one.recipients[0].address)).collect();
        assert_eq!(confirmed.iter().map(|(txid, one)| (*txid, &one.address)).collect::<BTreeMap<_, _>>(), in_book);
        for (name, spend) in &self.spends {
            assert_eq!(confirmed.get(spend.txid.as_str()).map(|one| &one.name), Some(name));
        }
        let asked =
            |name: &String| self.spends.contains_key(name) || self.cut_off.iter().any(|(cut_off, _)| cut_off == name);
        for one in listed {
            assert!(asked(&one.name), "nobody asked for {}", one.name);
            assert!(["confirmed", "failed"].contains(&one.state.as_str()), "{} is {}", one.name, one.state);
        }
        for (name, _) in &self.cut_off {
            match listed.iter().find(|one| one.name == *name).map(|one| one.state.as_str()) {
                Some("confirmed") => self.interrupted.0 += 1,
                Some("failed") => self.interrupted.1 += 1,
                // The request did not even come to be held.
                _ => {}
            }
        }
    }

    /// Every token works as before and counts what the book says, and every revoked one is refused as such.
    pub(crate) fn compare_with_tokens(&mut self, client: &Client, book: &[Transfer]) {
        let doubtful = mem::take(&mut self.doubtful);
        for token in &self.tokens {
            let standing = client.standing(token);
            if doubtful.contains(&token.id) && standing == Standing::Revoked {
                self.revoked.insert(token.id.clone());
            }
            let expected = match self.revoked.contains(&token.id) {
                true => Standing::Revoked,
                false => Standing::Works { spends: moved(book, token) },
            };
            assert_eq!(standing, expected, "{token:?}");
        }
    }

    /// An acknowledged spend that is asked for again is the same one; of a revoked token it is refused.
    pub(crate) fn ask_again(&self, client: &Client) {
        for (name, spend) in &self.spends {
            match client.spend(&spend.token, name) {
                Spend::Done(txid) => {
                    assert_eq!(txid, spend.txid, "{name}");
                    assert!(!self.revoked.contains(&spend.token.id), "{name}: a revoked token was answered");
                }
                Spend::Refused(code) => {
                    assert_eq!(code, "token_revoked", "{name}");
                    assert!(self.revoked.contains(&spend.token.id), "{name}");
                }
                Spend::CutOff => panic!("{name}: no answer"),
            }
        }
    }

    /// What a careful client does after a crash: it asks again under the same name. What was sent is
    /// answered, what was released or never held is sent now; so every spend happens.
    pub(crate) fn retry_what_was_cut_off(&mut self, client: &Client) {
        for (name, token) in mem::take(&mut self.cut_off) {
            match client.spend(&token, &name) {
                Spend::Done(txid) => self.remember(name, token, txid),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    /// Whether a kill came between a spend's hold and its answer.
    pub(crate) fn has_seen_interrupted_spends(&self) -> bool {
        self.interrupted.0 + self.interrupted.1 > 0
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (spends, tokens, revoked) = (self.spends.len(), self.tokens.len(), self.revoked.len());
        write!(f, "acknowledged: {spends} spends, {tokens} tokens, {revoked} revocations; ")?;
        write!(f, "at the desks: {:?}; ", self.at_desks)?;
        let (sent, released) = self.interrupted;
        write!(f, "cut off: {sent} that had been sent, {released} that were released")
    }
}

/// What a token moved, by the book.
pub(crate) fn moved(book: &[Transfer], token: &Token) -> u64 {
    let moved = book.iter().filter(|transfer| transfer.recipients[0].address == token.address).count();
    moved as u64
}
