//! The port to where money really moves. Rails are implemented in the gateway; the service only knows
//! that each can be asked, told to send, and asked what became of a send.

mod calls;
mod looked_up;
mod memory;
mod permit;
mod spoken;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_rails::Forbidden;
use bursar_rails::exchange::{Answered, Asked, Exchange, Outgoing};
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls};

use crate::dialect::Dialect;
use crate::feed::Feed;
use crate::flow::Flow;

pub use self::calls::{CallError, CallMeaning, Payer, Wanted};
pub use self::looked_up::{Asking, LookedUp};
pub use self::memory::{Memory, NewNote, Note};
pub use self::permit::{PayersHalf, Permit};
pub use self::spoken::Spoken;
pub use crate::outcome::SendOutcome;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a spend takes and costs at most, found before it is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The greatest fee it can pay, in [`Rail::fee_coin`].
    pub fee: Amount,
    /// What the rail needs to carry out exactly this; kept with the hold. Empty if it needs nothing.
    pub instruction: Vec<u8>,
}

/// How the reason of a refusal begins where the token that a rail shows upstream is locked or at its limit: the client's
/// is not, and no unlock of theirs helps. It is kept with the spend, so that a repeat is told the same.
pub const UPSTREAM_LOCKED: &str = "the upstream's token needs an unlock";

/// A transaction that a rail made but did not send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Built {
    /// Its bytes, as the rail writes them.
    pub bytes: Vec<u8>,
    /// The greatest fee it can pay.
    pub fee: Amount,
}

/// What a rail reads in a transaction's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// What the rail calls the wallet that pays.
    pub reference: String,
    /// The coin that moves.
    pub coin: Coin,
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
    /// The greatest fee it can pay.
    pub fee: Amount,
}

/// A wallet's money as the rail sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// What the wallet holds.
    pub confirmed: Amount,
}

/// Why a rail did not answer a question that moves no money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RailError {
    /// The request cannot be: field and what is wrong with it.
    Invalid {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The rail knows no such wallet.
    UnknownWallet,
    /// The rail refuses, in its words; nothing moved.
    Refused(String),
    /// The rail does not answer.
    Unavailable(String),
}

/// Why there is no answer to a read that was passed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unread {
    /// The rail does not answer.
    Unavailable(String),
    /// It answered with more than so many bytes, the most that is read before it goes on.
    TooLong(usize),
}

impl fmt::Display for RailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, problem } => write!(f, "`{field}` {problem}"),
            Self::UnknownWallet => f.write_str("it knows no such wallet"),
            Self::Refused(reason) | Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

/// What is said of a spend that its rail has, and that it cannot take back.
pub fn on_its_way(reference: &str) -> String {
    format!("the rail has it as {reference}, which may still move it; it is given back once that cannot be any more")
}

/// A rail's own protocol: JSON-RPC as its clients speak it.
pub trait Protocol: Send + Sync {
    /// What each call means to a client that may see these wallets.
    ///
    /// # Errors
    /// They are refused together.
    fn meanings(&self, calls: &Calls, wallets: &[String], memory: &dyn Memory) -> Result<Vec<CallMeaning>, Forbidden>;

    /// Passes a read on, as one who may see these wallets asks it.
    fn read<'a>(&'a self, call: &'a Call, wallets: &'a [String]) -> Answer<'a, Result<Json, CallError>>;

    /// Whether a call begins or ends a subscription, which only a connection that stays can have; nothing if it does neither.
    fn subscription(&self, _call: &Call) -> Option<Result<(), Forbidden>> {
        None
    }

    /// Opens what tells one client of its subscriptions.
    fn feed(&self) -> Answer<'_, Result<Feed, CallError>> {
        Box::pin(std::future::ready(Err(CallError::Unavailable("it tells of nothing by itself".to_owned()))))
    }

    /// Whether a call is to move money, by the name of its method.
    fn spends(&self, call: &Call) -> bool;

    /// Whether its clients know a user and a password, and no bearer.
    fn knows_passwords_only(&self) -> bool {
        false
    }

    /// The parameter of a call that a rail means by a field of a spend (`recipients`, `address`, `amount`): its client never
    /// wrote such a field.
    fn parameter(&self, _call: &Call, field: &'static str) -> &'static str {
        field
    }

    /// Finds out what a call takes that spends from this wallet, and who gets how much if the call does not say it.
    /// Moves nothing.
    fn plan_call<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
        hold: HoldId,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<(Plan, Vec<Recipient>), RailError>>;

    /// What is kept with the hold of what another wallet pays ([`Wanted::payer`]), by which the rail tells it from a spend
    /// of its own.
    fn payers_half(&self, _hold: HoldId) -> Vec<u8> {
        Vec::new()
    }

    /// What a client is answered whose spend the rail has under this name.
    fn result(&self, _call: &Call, reference: &str) -> Json {
        Json::Text(reference.into())
    }

    /// What a client is answered that asked for the signed transaction.
    ///
    /// # Errors
    /// The store does not answer.
    fn transaction(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Json>, RailError>;
}

/// A rail that is asked by plain HTTP.
pub trait Exchanges: Send + Sync {
    /// What a request means.
    ///
    /// # Errors
    /// It is never carried out.
    fn meaning(&self, asked: &Asked<'_>) -> Result<Exchange, Forbidden>;

    /// Whether it is at a place where requests only read, also if this one cannot be understood.
    fn is_read(&self, asked: &Asked<'_>) -> bool;

    /// The header in which the upstream has its credential, and so in which its clients have theirs.
    fn credential_header(&self) -> Option<&str> {
        None
    }

    /// Passes a read on, and gives all of its answer; nothing, if that goes on by the flow.
    fn read<'a>(&'a self, outgoing: &'a Outgoing, flow: Option<Flow>) -> Answer<'a, Result<Option<Answered>, Unread>>;

    /// What the upstream answered to a spend; nothing if it did not, or if that is not kept any more.
    ///
    /// # Errors
    /// The store does not answer.
    fn answered(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Answered>, RailError>;

    /// Whether the answer to a spend went to its client while it came: then it is not given again.
    ///
    /// # Errors
    /// The store does not answer.
    fn was_streamed(&self, _hold: HoldId, _memory: &dyn Memory) -> Result<bool, RailError> {
        Ok(false)
    }
}

/// Something that left a wallet, and was not sent from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outflow {
    /// What the rail calls it.
    pub reference: String,
    /// What to keep once it was told.
    pub told: Vec<NewNote>,
}

/// Where money really moves.
pub trait Rail: Send + Sync {
    /// Whether this is play money, to be marked as such everywhere.
    fn is_sandbox(&self) -> bool;

    /// What kind of rail this is, in a word for people.
    fn kind(&self) -> &'static str {
        if self.is_sandbox() { "sandbox" } else { "other" }
    }

    /// Whether whoever is behind it refused the credential that it was shown last: the operator's to mend.
    fn refuses_credential(&self) -> bool {
        false
    }

    /// Whether its other end can be used now; a rail that has nothing to ask without meaning something can.
    fn check(&self) -> Answer<'_, Result<(), RailError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether its other end has got as far as the spends of a wallet had when it was asked before; nothing is signed while
    /// it has not.
    fn keeps_up<'a>(&'a self, _reference: &'a str, _memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// What those who rely on this rail should know, in words.
    fn caveat(&self) -> Option<&'static str> {
        None
    }

    /// The chain's own coin, if wallets with new keys can be made on this rail.
    fn coin(&self) -> Option<Coin> {
        None
    }

    /// Decimal places of coins, as the operator declared them for this rail.
    fn decimals(&self) -> Vec<(Coin, u8)> {
        Vec::new()
    }

    /// The coins that it has; none if it takes any whose addresses it can read.
    fn coins(&self) -> Vec<Coin> {
        self.coin().into_iter().chain(self.decimals().into_iter().map(|(coin, _)| coin)).collect()
    }

    /// What an address of a coin means, in its normal form.
    ///
    /// # Errors
    /// It is none of this coin.
    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError>;

    /// Checks whether one transaction can pay these recipients, and reads their addresses.
    ///
    /// # Errors
    /// The first recipient who cannot be paid.
    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError>;

    /// The coin that pays for sending a coin: itself, or that of its chain.
    fn fee_coin(&self, coin: &Coin) -> Coin {
        coin.clone()
    }

    /// The greatest fee that a direct send to so many recipients can cost, in [`Rail::fee_coin`].
    fn fee_ceiling(&self, coin: &Coin, recipients: usize) -> Amount;

    /// The most that fees paid in this coin may take of a wallet, whatever its limits leave out (ADR 10): also
    /// of a transaction that was built elsewhere, or of a spend that somebody else carries out.
    fn fees_at_most(&self, fee_coin: &Coin) -> FeeCeiling;

    /// Finds out what a direct send takes and may cost at most. Moves nothing.
    fn plan<'a>(
        &'a self,
        _reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        _hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        let fee = self.fee_ceiling(coin, recipients.len());
        Box::pin(std::future::ready(Ok(Plan { fee, instruction: Vec::new() })))
    }

    /// Lets go of what a plan keeps ready: nothing was held for it.
    fn give_up(&self, _hold: HoldId) {}

    /// Makes a transaction without sending it.
    fn build<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>>;

    /// Reads what a transaction would do. Pure: what is understood here is what `send` will carry out.
    ///
    /// # Errors
    /// The bytes are no transaction of this rail; they are refused, never guessed at.
    fn decode(&self, bytes: &[u8]) -> Result<Decoded, RailError>;

    /// What a spend is called that the rail has and that is not final yet; nothing if it does not have it, or tells
    /// everything at once.
    ///
    /// # Errors
    /// The store does not answer.
    fn sent(&self, _hold: HoldId, _memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(None)
    }

    /// The id of the transaction that a spend became, while it is not settled; nothing while it has none.
    ///
    /// # Errors
    /// What the rail remembers cannot be read.
    fn transaction_id<'a>(
        &'a self,
        hold: HoldId,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        Box::pin(async move { self.sent(hold, memory) })
    }

    /// Why a spend may still move of which the rail has just not known what became, or that waits for an approval; nothing if
    /// the rail has no more to say of it, so that somebody's word may give it back.
    ///
    /// # Errors
    /// What the rail remembers cannot be read.
    fn may_still_move<'a>(
        &'a self,
        hold: &'a Hold,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        Box::pin(async move { Ok(self.sent(hold.id, memory)?.map(|reference| on_its_way(&reference))) })
    }

    /// What the approval is called that a spend waits for where it was sent; nothing if it waits for none.
    ///
    /// # Errors
    /// The store does not answer.
    fn awaits(&self, _hold: HoldId, _memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(None)
    }

    /// The signed transaction of a spend that is under way, if the rail makes one.
    ///
    /// # Errors
    /// The store does not answer.
    fn signed(&self, _hold: HoldId, _memory: &dyn Memory) -> Result<Option<Vec<u8>>, RailError> {
        Ok(None)
    }

    /// Carries out a spend, once: a second send of the same hold finds the first.
    fn send<'a>(&'a self, reference: &'a str, permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome>;

    /// Finds out what became of a hold that nobody settled.
    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome>;

    /// The same for somebody who asks now: the other end is asked, however lately the rail asked it by itself.
    fn reconcile_now<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        self.reconcile(hold, memory)
    }

    /// What the other end said when it was last asked after a spend, as far as this process knows.
    fn looked_up(&self, _hold: HoldId) -> Option<LookedUp> {
        None
    }

    /// What became of a spend where its other end is asked anew, whatever it told before: somebody says how much it was.
    fn look_again<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        self.reconcile(hold, memory)
    }

    /// What left a wallet since this was asked last, and that no spend of this server explains (P11). Told in this
    /// order, each comes with the notes that say that it was told; several may come with those of the last.
    fn unexplained<'a>(
        &'a self,
        _reference: &'a str,
        _memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Vec<Outflow>, RailError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Lets go of what was remembered of a spend that is settled for good.
    fn forget<'a>(&'a self, _hold: HoldId, _memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// What the wallet holds.
    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>>;

    /// The addresses the wallet can be paid at, oldest first.
    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>>;

    /// Keeps the private key of a wallet, sealed, and gives the wallet's reference.
    fn keep_key<'a>(&'a self, _key: Secret<Vec<u8>>, _memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        let problem = "are not kept by this rail".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "keys", problem })))
    }

    /// Whether what it calls a wallet is the address that the wallet is paid at.
    fn names_wallets_by_address(&self) -> bool {
        false
    }

    /// The one spelling of what a rail calls a wallet: two that mean one wallet are the same text.
    ///
    /// # Errors
    /// No wallet of this rail is called so.
    fn wallet_name(&self, reference: &str) -> Result<String, RailError> {
        Ok(reference.to_owned())
    }

    /// Checks that the rail has a wallet of this name, where wallets and their keys are the node's.
    fn check_wallet<'a>(&'a self, _reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        let problem = "is not given: this rail keeps the keys of its wallets, and names them by it".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "reference", problem })))
    }

    /// The rail's own protocol, if clients may speak it.
    fn protocol(&self) -> Option<&dyn Protocol> {
        None
    }

    /// The rail as clients ask it by plain HTTP, if they may.
    fn exchanges(&self) -> Option<&dyn Exchanges> {
        None
    }

    /// How clients speak to it.
    fn spoken(&self) -> Spoken {
        match (self.protocol().is_some(), self.exchanges().is_some()) {
            (true, _) => Spoken::Calls,
            (false, true) => Spoken::Requests,
            (false, false) => Spoken::Only,
        }
    }

    /// The rail as clients ask it in the language of Bursar's own, if they may.
    fn dialect(&self) -> Option<&dyn Dialect> {
        None
    }

    /// A new address the wallet can be paid at.
    fn new_address<'a>(&'a self, reference: &'a str, random: [u8; 16]) -> Answer<'a, Result<String, RailError>>;
}
