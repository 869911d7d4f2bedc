//! The sandbox: a rail in front of nothing, to develop and test against.
//!
//! It keeps a book of its own in a file of its own, fsynced by itself, which the ledger learns from
//! only by an answer or by [`Rail::reconcile`]; so the book can judge the ledger after a crash. What must
//! never happen here: that a hold moves money twice, that a hold once refused moves money later, that
//! more leaves a wallet than was held, and that anybody takes an address from here for a real one.
//!
//! **Why reconciling is final.** Whatever was sent stands in the book before it is answered, and no
//! process but the one that has the book open can still send. A hold the book does not know is therefore
//! refused, and the refusal is written down first: should its send still be on its way within this
//! process, it finds the refusal and does not move anything.
//!
//! **The network is free.** The fee of every coin is zero, and so is its ceiling: exactly what the
//! recipients get leaves the wallet, and a whole balance can be sent. Transactions and transfers say so:
//! they name their fee, and a transaction that names another one than `"0"` is refused.
//!
//! # Named faults
//!
//! These destinations are valid for every coin, on this rail only. The first of them among the
//! recipients counts.
//!
//! | destination | what happens |
//! | --- | --- |
//! | `sandbox:refuse` | refused, nothing moves |
//! | `sandbox:slow` | sends, answers two seconds later |
//! | `sandbox:drop-answer` | does what it would do, but its answer is lost: unknown |
//! | `sandbox:fail-after-send` | sends, then fails: unknown; what it refuses it still refuses |
//! | `sandbox:never` | does not send and answers unknown; reconciling finds it refused |
//!
//! Besides, `sandbox-` with 40 hex digits is an address of every coin: it is what wallets of main
//! networks get here, since money sent to a look-alike of a real address would be lost.

use std::path::Path;
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination as Meant;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_service::rail::{Answer, Balance, Built, Decoded, Memory, Permit, Rail, RailError, SendOutcome};

mod address;
mod book;
mod destination;
mod order;
mod payment;
mod report;
pub mod socket;
mod transaction;
mod writer;

pub use book::BookError;
pub use report::{Book, Transfer};

use destination::Fault;
use order::Order;
use writer::{Unanswered, Writer};

/// How much later `sandbox:slow` answers.
const SLOW: Duration = Duration::from_secs(2);

/// The longest reference of a wallet, in bytes.
const LONGEST_REFERENCE: usize = 256;

/// A sandbox, in this process or in one of its own ([`socket`]).
pub trait Sandbox: Rail {
    /// Makes a wallet that holds `balance`, and gives its first address, as [`SandboxRail::create_wallet`].
    fn fund<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        balance: Amount,
        random: [u8; 16],
    ) -> Answer<'a, Result<String, RailError>>;
}

/// The simulated rail. Dropping it answers what is queued, then closes the book.
#[derive(Debug)]
pub struct SandboxRail {
    writer: Writer,
}

impl SandboxRail {
    /// Opens the book at `path`, or begins one there that only its owner may read.
    ///
    /// # Errors
    /// The file cannot be opened or written, or is no book that this program knows.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        let writer = Writer::start(book::open(path)?)?;
        Ok(Self { writer })
    }

    /// Makes a wallet that holds `balance`, and gives its first address. If there is one by that
    /// reference, nothing changes and its first address is the answer.
    ///
    /// # Errors
    /// The reference is empty, too long or not printable, or names a wallet of another coin.
    pub async fn create_wallet(
        &self,
        reference: &str,
        coin: &Coin,
        balance: Amount,
        random: [u8; 16],
    ) -> Result<String, RailError> {
        let printable = reference.bytes().all(|byte| byte.is_ascii_graphic());
        if reference.is_empty() || reference.len() > LONGEST_REFERENCE || !printable {
            return Err(RailError::Invalid {
                field: "reference",
                problem: format!("is not 1 to {LONGEST_REFERENCE} printable ASCII characters without spaces"),
            });
        }
        let (reference, coin) = (reference.to_owned(), coin.clone());
        self.ask(move |book| book::create_wallet(book, &reference, &coin, balance, random)).await?
    }

    /// Sends what the order says, unless the book already knows what became of it.
    async fn carry_out(&self, reference: &str, order: Order) -> SendOutcome {
        let fault = destination::fault(&order.recipients);
        if fault == Some(Fault::Never) {
            return unknown("the sandbox did not answer, as `sandbox:never` asks");
        }
        let reference = reference.to_owned();
        let outcome = match self.writer.ask(move |book| book::send(book, &reference, &order)).await {
            Ok(outcome) => outcome,
            // The permit is used up and nothing was queued, so nothing will be sent.
            Err(Unanswered::NotAsked(reason)) => {
                return SendOutcome::Refused { reason };
            }
            Err(Unanswered::Lost(reason)) => return SendOutcome::Unknown { reason },
        };
        match fault {
            Some(Fault::Slow) => {
                tokio::time::sleep(SLOW).await;
                outcome
            }
            Some(Fault::DropAnswer) => unknown("the sandbox's answer was lost, as `sandbox:drop-answer` asks"),
            Some(Fault::FailAfterSend) if matches!(outcome, SendOutcome::Done { .. }) => {
                unknown("the sandbox failed after sending, as `sandbox:fail-after-send` asks")
            }
            _ => outcome,
        }
    }

    /// Has the book answer something that is not a send.
    async fn ask<T, F>(&self, work: F) -> Result<T, RailError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, BookError> + Send + 'static,
    {
        self.writer.ask(work).await.map_err(|unanswered| match unanswered {
            Unanswered::NotAsked(reason) | Unanswered::Lost(reason) => RailError::Unavailable(reason),
        })
    }

    /// Makes a transaction of the wallet.
    async fn make(
        &self,
        reference: &str,
        coin: &Coin,
        recipients: &[Recipient],
        random: [u8; 16],
    ) -> Result<Built, RailError> {
        destination::check(coin, recipients)?;
        let payer = reference.to_owned();
        let held = self.ask(move |book| book::coin(book, &payer)).await?.ok_or(RailError::UnknownWallet)?;
        if held != *coin {
            return Err(book::other_coin(&held, coin));
        }
        let fee = destination::fee();
        let bytes = transaction::write(reference, coin, recipients, fee, random)?;
        Ok(Built { bytes, fee })
    }

    /// What became of the hold of this id.
    async fn became_of(&self, hold: HoldId) -> SendOutcome {
        match self.writer.ask(move |book| book::reconcile(book, hold)).await {
            Ok(outcome) => outcome,
            Err(Unanswered::NotAsked(reason) | Unanswered::Lost(reason)) => SendOutcome::Unknown { reason },
        }
    }
}

impl Rail for SandboxRail {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Meant, RailError> {
        destination::meant(coin, address)
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        destination::payees(coin, recipients)
    }

    fn fee_ceiling(&self, _coin: &Coin, _recipients: usize) -> Amount {
        destination::fee()
    }

    fn fees_at_most(&self, fee_coin: &Coin) -> FeeCeiling {
        destination::fees_at_most(fee_coin)
    }

    fn build<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        Box::pin(self.make(reference, coin, recipients, random))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Decoded, RailError> {
        transaction::read(bytes)
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, _memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(async move { self.carry_out(reference, Order::from(permit.hold())).await })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, _memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold.id))
    }

    fn transaction_id<'a>(
        &'a self,
        hold: HoldId,
        _memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        // A spend is answered once the book has it, and its settlement may take a moment longer.
        Box::pin(self.ask(move |book| book::transaction_id(book, hold)))
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        let reference = reference.to_owned();
        Box::pin(async move {
            let confirmed = self.ask(move |book| book::balance(book, &reference)).await?;
            confirmed.map(|confirmed| Balance { confirmed }).ok_or(RailError::UnknownWallet)
        })
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        let reference = reference.to_owned();
        Box::pin(async move {
            self.ask(move |book| book::addresses(book, &reference)).await?.ok_or(RailError::UnknownWallet)
        })
    }

    fn new_address<'a>(&'a self, reference: &'a str, random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        let reference = reference.to_owned();
        Box::pin(async move {
            self.ask(move |book| book::new_address(book, &reference, random)).await?.ok_or(RailError::UnknownWallet)
        })
    }
}

impl Sandbox for SandboxRail {
    fn fund<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        balance: Amount,
        random: [u8; 16],
    ) -> Answer<'a, Result<String, RailError>> {
        Box::pin(self.create_wallet(reference, coin, balance, random))
    }
}

fn unknown(reason: &str) -> SendOutcome {
    SendOutcome::Unknown { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
