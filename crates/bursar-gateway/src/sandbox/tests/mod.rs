//! What the sandbox promises, on real files.

use std::path::PathBuf;

use bursar_core::hold::Cost;
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::fixtures;
use crate::notes::Notes;

mod faults;
mod file;
mod sends;

pub(super) struct Fixture {
    directory: TempDir,
    rail: SandboxRail,
}

impl Fixture {
    /// A sandbox with the wallet `wallet`, which holds 1,000,000 satoshi.
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rail = SandboxRail::open(&directory.path().join("sandbox.db")).unwrap();
        rail.create_wallet("wallet", &tbtc(), Amount::new(1_000_000), [1; 16]).await.unwrap();
        Self { directory, rail }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("sandbox.db")
    }

    async fn send(&self, hold: &Hold) -> SendOutcome {
        self.rail.carry_out("wallet", hold.into()).await
    }

    async fn balance(&self, reference: &str) -> Amount {
        self.rail.balance(reference).await.unwrap().confirmed
    }

    pub(super) fn transfers(&self) -> Vec<Transfer> {
        Book::open(&self.path()).unwrap().transfers().unwrap()
    }
}

pub(super) fn tbtc() -> Coin {
    Coin::parse("tbtc").unwrap()
}

pub(super) fn to(address: &str, amount: u128) -> Recipient {
    Recipient { address: address.to_owned(), amount: Amount::new(amount) }
}

pub(super) fn hold_of(number: u8, recipients: &[Recipient]) -> Hold {
    let amounts = recipients.iter().map(|recipient| recipient.amount);
    let made = Timestamp::from_millis(i64::from(number));
    let id = HoldId::time_ordered(made, [number; 10]);
    let cost = Cost::of(tbtc(), amounts, tbtc(), Amount::ZERO).unwrap();
    let deadline = Timestamp::from_millis(i64::from(number) + 30_000);
    Hold { created: made, deadline, ..fixtures::hold(id, recipients.iter().map(payee).collect(), cost, Vec::new()) }
}

fn payee(recipient: &Recipient) -> Payee {
    // The book reads addresses itself, also those that the rail would not have let through.
    let destination = Meant::new("test", recipient.address.as_bytes(), None);
    Payee { address: recipient.address.clone(), destination, amount: recipient.amount }
}

/// Those whom a hold pays.
pub(super) fn recipients_of(hold: &Hold) -> Vec<Recipient> {
    hold.payees.iter().map(|payee| to(&payee.address, payee.amount.as_u64().unwrap().into())).collect()
}

/// A spend of 1,000 satoshi to nobody in particular.
pub(super) fn hold(number: u8) -> Hold {
    hold_of(number, &[to("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", 1000)])
}

pub(super) fn is_refused(outcome: &SendOutcome, words: &str) -> bool {
    matches!(outcome, SendOutcome::Refused { reason } if reason.contains(words))
}

pub(super) fn is_done(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Done { .. })
}

pub(super) fn is_unknown(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Unknown { .. })
}
