//! The end that asks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination as Meant;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::ledger::FeeCeiling;
use bursar_service::rail::{Answer, Balance, Built, Decoded, Memory, Permit, Rail, RailError, SendOutcome};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::super::order::Order;
use super::super::writer::Unanswered;
use super::super::{Sandbox, destination, transaction};
use super::wire::{self, Question, Recipients, Reply, SpelledOrder};
use super::{line_of, read_line};

/// How many questions are asked at once; more have to wait.
const CONNECTIONS: usize = 256;

/// How long an answer may take; later it is not known.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox in another process. Making one asks nothing: whether anybody is there shows with the first question.
#[derive(Debug)]
pub struct RemoteSandbox {
    socket: PathBuf,
    places: Semaphore,
    /// Connections on which nothing is under way.
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection(BufReader<UnixStream>);

impl Connection {
    async fn ask(&mut self, line: &[u8]) -> io::Result<Reply> {
        self.0.get_mut().write_all(line).await?;
        let line = read_line(&mut self.0).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_slice(&line)?)
    }
}

impl RemoteSandbox {
    /// The sandbox that listens at `socket`.
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), places: Semaphore::new(CONNECTIONS), idle: Mutex::default() }
    }

    async fn ask(&self, question: &Question) -> Result<Reply, Unanswered> {
        let not_asked = |problem: String| Unanswered::NotAsked(format!("the sandbox cannot be asked: {problem}"));
        let line = line_of(question).map_err(|error| not_asked(error.to_string()))?;
        let _place = self.places.acquire().await.map_err(|error| not_asked(error.to_string()))?;
        let mut connection = self.connection().await.map_err(|error| not_asked(error.to_string()))?;
        // INVARIANT: from here on the rail may have read the question, whatever comes back.
        match tokio::time::timeout(PATIENCE, connection.ask(&line)).await {
            Ok(Ok(reply)) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Ok(reply)
            }
            Ok(Err(problem)) => Err(Unanswered::Lost(format!("the sandbox's answer was lost: {problem}"))),
            Err(_) => Err(Unanswered::Lost("the sandbox did not answer in time".to_owned())),
        }
    }

    async fn connection(&self) -> io::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Ok(Connection(BufReader::new(UnixStream::connect(&self.socket).await?))),
        }
    }

    /// Asks something that moves no money.
    async fn learn<T>(&self, question: Question, read: impl FnOnce(Reply) -> Option<T>) -> Result<T, RailError> {
        match self.ask(&question).await {
            Ok(reply) => reply.result(read),
            Err(Unanswered::NotAsked(reason) | Unanswered::Lost(reason)) => Err(RailError::Unavailable(reason)),
        }
    }

    async fn carry_out(&self, reference: &str, order: &Order) -> SendOutcome {
        let order = SpelledOrder::write(order);
        match self.ask(&Question::Send { reference: reference.to_owned(), order }).await {
            Ok(reply) => reply.outcome(),
            // The permit is used up and nothing was written, so nothing will be sent.
            Err(Unanswered::NotAsked(reason)) => SendOutcome::Refused { reason },
            Err(Unanswered::Lost(reason)) => SendOutcome::Unknown { reason },
        }
    }

    async fn became_of(&self, hold: &Hold) -> SendOutcome {
        match self.ask(&Question::Reconcile { hold: hold.id.to_string() }).await {
            Ok(reply) => reply.outcome(),
            Err(Unanswered::NotAsked(reason) | Unanswered::Lost(reason)) => SendOutcome::Unknown { reason },
        }
    }
}

impl Rail for RemoteSandbox {
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
        let recipients = Recipients::write(recipients);
        let (reference, coin) = (reference.to_owned(), coin.to_string());
        Box::pin(self.learn(Question::Build { reference, coin, recipients, random }, |reply| match reply {
            Reply::Built { bytes, fee } => {
                Some(Built { bytes: base16ct::lower::decode_vec(bytes).ok()?, fee: wire::amount(&fee)? })
            }
            _ => None,
        }))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Decoded, RailError> {
        transaction::read(bytes)
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, _memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(async move { self.carry_out(reference, &Order::from(permit.hold())).await })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, _memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold))
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        Box::pin(self.learn(Question::Balance { reference: reference.to_owned() }, |reply| match reply {
            Reply::Balance { confirmed } => Some(Balance { confirmed: wire::amount(&confirmed)? }),
            _ => None,
        }))
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        Box::pin(self.learn(Question::Addresses { reference: reference.to_owned() }, |reply| match reply {
            Reply::Addresses { addresses } => Some(addresses),
            _ => None,
        }))
    }

    fn new_address<'a>(&'a self, reference: &'a str, random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        Box::pin(self.learn(Question::NewAddress { reference: reference.to_owned(), random }, address))
    }
}

impl Sandbox for RemoteSandbox {
    fn fund<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        balance: Amount,
        random: [u8; 16],
    ) -> Answer<'a, Result<String, RailError>> {
        let (reference, coin, balance) = (reference.to_owned(), coin.to_string(), balance.to_string());
        Box::pin(self.learn(Question::Fund { reference, coin, balance, random }, address))
    }
}

fn address(reply: Reply) -> Option<String> {
    match reply {
        Reply::Address { address } => Some(address),
        _ => None,
    }
}

#[cfg(test)]
impl RemoteSandbox {
    /// Sends without a permit.
    pub(super) async fn send_unheld(&self, reference: &str, hold: &Hold) -> SendOutcome {
        self.carry_out(reference, &hold.into()).await
    }
}
