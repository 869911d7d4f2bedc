//! Sending: a nonce, a signature, both remembered, then the broadcast. In this order and never another.

use bursar_core::amount::Amount;
use bursar_core::coin::Asset;
use bursar_core::decimals::Decimals;
use bursar_core::hold::Hold;
use bursar_core::id::{HoldId, TokenId};
use bursar_core::limit::text::amount_of;
use bursar_rails::evm::build::Terms;
use bursar_rails::evm::quantity::amount;
use bursar_rails::evm::{Address, Signed, Unsigned};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::keys::{self, Signer};
use super::plan::{self, Step};
use super::sent::{self, Remembered};
use super::watch::Entry;
use super::{EvmRail, quote, replace, wallet, watch};
use crate::node::NodeError;

/// How often a nonce is taken again when another process was faster.
const TRIES: usize = 16;

/// How many transactions of a wallet may wait beside those of ours: whoever else has its key sends that many at once.
const FOREIGN_PENDING: u64 = 16;

/// What a nonce is taken for.
enum Made {
    /// It is signed.
    Signed(Signed),
    /// The node is to sign it.
    ByNode(Box<Unsigned>),
}

/// The holds that one signature is for: one, or two of two wallets.
#[derive(Clone, Copy)]
struct Halves {
    own: HoldId,
    payers: Option<HoldId>,
    /// Whose they are.
    token: TokenId,
}

/// Why nothing was signed.
pub(super) enum NotSigned {
    /// It never will be.
    Never(String),
    /// The node cannot be asked now, or is behind: the same may be asked for again.
    NotNow(String),
    /// Nobody can say whether it was remembered.
    Unknown(String),
}

impl EvmRail {
    pub(super) async fn carry_out(&self, reference: &str, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        self.carry_out_with(reference, hold, None, memory).await
    }

    /// The same with the half that another wallet pays, and what that is called, if one does.
    pub(super) async fn carry_out_with(
        &self,
        reference: &str,
        hold: &Hold,
        payers: Option<(&str, &Hold)>,
        memory: &dyn Memory,
    ) -> SendOutcome {
        let step = match self.step(reference, hold).and_then(|step| step.paid_by(payers)) {
            Ok(step) => step,
            Err(reason) => return SendOutcome::Refused { reason },
        };
        let halves = Halves { own: hold.id, payers: payers.map(|(_, half)| half.id), token: hold.token };
        match self.take_nonce(&step, halves, memory).await {
            Ok(signed) if step.is_broadcast() => self.broadcast(&signed).await,
            Ok(signed) => SendOutcome::Sent { reference: format!("{:#x}", signed.hash) },
            Err(NotSigned::Never(reason)) => SendOutcome::Refused { reason },
            Err(NotSigned::NotNow(reason)) => SendOutcome::NotSent { reason },
            Err(NotSigned::Unknown(reason)) => SendOutcome::Unknown { reason },
        }
    }

    fn step(&self, reference: &str, hold: &Hold) -> Result<Step, String> {
        let sender = wallet(reference).map_err(|_| "the wallet's reference is no address".to_owned())?;
        let step = plan::read(&self.chain, hold)?;
        match step.sender() == sender {
            true => Ok(step),
            false => Err("the plan of this spend is of another wallet".to_owned()),
        }
    }

    /// Takes a nonce of a wallet, has what uses it signed, and remembers both, so that it is given to nobody else.
    async fn take_nonce(&self, step: &Step, halves: Halves, memory: &dyn Memory) -> Result<Signed, NotSigned> {
        let (sender, takes) = (step.sender(), step.takes());
        let turn = self.turn(sender);
        let _turn = turn.lock().await;
        for _ in 0..TRIES {
            let (version, nonce) = self.next_nonce(sender, memory).await.map_err(not_signed)?;
            let made = self.made_with(step, nonce, halves.token, memory).await?;
            let (taken, hash, body) = match &made {
                Made::Signed(signed) => (signed.nonce, signed.hash, sent::pack(&sender, signed)),
                Made::ByNode(unsigned) => (nonce, unsigned.signing_hash(), sent::asked(&sender, nonce)),
            };
            if matches!(made, Made::ByNode(_)) && halves.payers.is_some() {
                return Err(NotSigned::Never("a node with the key signs nothing that another wallet pays".to_owned()));
            }
            let used_up = || NotSigned::Never("the wallet is used up".to_owned());
            let following = nonce.max(taken.checked_add(1).ok_or_else(used_up)?);
            let replaces = matches!(step, Step::Sign { .. }) && taken < nonce;
            let entry = Entry { hash, takes, hold: halves.own, token: halves.token, replaces };
            let mut notes = vec![
                NewNote { name: next(sender), version, body: Some(following.to_be_bytes().to_vec()) },
                watch::given(memory, sender, taken, &entry).map_err(not_signed)?,
            ];
            // INVARIANT: both halves are signed at once, or neither: whichever was given up before keeps the other from it.
            let signed = |hold| NewNote { name: sent::note(hold), version: 0, body: Some(body.clone()) };
            notes.extend(halves.all().map(signed));
            match memory.write(notes).await {
                Ok(true) => {
                    return match made {
                        Made::Signed(signed) => Ok(signed),
                        Made::ByNode(unsigned) => self.first_signature(halves.own, &unsigned, memory).await,
                    };
                }
                Ok(false) => halves.all().try_for_each(|hold| self.check_unsigned(hold, memory))?,
                // Nothing has left, and nothing will before the note is read again.
                Err(error) => return Err(NotSigned::Unknown(reason(error))),
            }
        }
        Err(NotSigned::Never("other processes take all nonces of this wallet".to_owned()))
    }

    /// The transaction of a step, when this is the next nonce of its wallet. One that its client signed has its own, which
    /// may be an earlier one.
    async fn made_with(&self, step: &Step, nonce: u64, token: TokenId, memory: &dyn Memory) -> Result<Made, NotSigned> {
        match step {
            Step::Broadcast { signed, .. } if signed.nonce > nonce => {
                let problem = format!("its nonce is {}, and the next one of this wallet {nonce}", signed.nonce);
                Err(NotSigned::Never(problem))
            }
            Step::Broadcast { signed, .. } => Ok(Made::Signed(signed.clone())),
            Step::Sign { payment, gas, price, .. } => {
                let sender = payment.sender;
                let signer = keys::signer(memory, &sender).map_err(not_signed)?;
                let named = replace::named(payment).filter(|named| *named < nonce);
                if let Some(named) = named {
                    self.check_replacement(payment, (named, *gas, price), token, memory).map_err(not_signed)?;
                }
                let own = named.unwrap_or(nonce);
                self.check_funds(sender, (own, nonce), step.takes(), memory).await?;
                let terms = Terms { nonce: own, gas: *gas, price: *price };
                let unsigned = Unsigned::of(&self.chain, payment, terms);
                let unsigned = unsigned.map_err(|refusal| NotSigned::Never(refusal.detail))?;
                match signer {
                    Signer::Here(key) => {
                        key.sign(unsigned).map(Made::Signed).map_err(|error| NotSigned::Never(error.to_string()))
                    }
                    Signer::Node if named.is_some() => {
                        Err(NotSigned::Never("a node with the key replaces nothing".to_owned()))
                    }
                    Signer::Node => Ok(Made::ByNode(Box::new(unsigned))),
                }
            }
        }
    }

    /// Whether the wallet can pay this, with this nonce of those before the next one, beside what is signed and not mined yet.
    /// One that it cannot would keep every later nonce waiting behind it.
    async fn check_funds(
        &self,
        sender: Address,
        (nonce, next): (u64, u64),
        takes: Amount,
        memory: &dyn Memory,
    ) -> Result<(), NotSigned> {
        let of_wallet = vec![Json::Text(format!("{sender:#x}").into()), Json::Text("latest".into())];
        let mined = self.count_mined(sender).await.map_err(not_signed)?;
        let balance = self.node.ask("eth_getBalance", of_wallet).await.map_err(quote::told);
        let balance = amount(balance.and_then(|balance| quote::number(&balance)).map_err(not_signed)?);
        if nonce < next && nonce < mined {
            return Err(not_signed(replace::is_mined(nonce)));
        }
        let earlier = watch::taken(memory, sender, mined.min(nonce)..nonce).map_err(not_signed)?;
        let later = watch::taken(memory, sender, nonce.saturating_add(1)..next).map_err(not_signed)?;
        let waiting = earlier.saturating_add(later);
        if waiting.saturating_add(takes) > balance {
            let native = Asset::Coin(self.chain.native().clone());
            let [balance, waiting, takes] =
                [balance, waiting, takes].map(|amount| amount_of(amount, &native, &Decimals::default()));
            let problem = format!("the wallet has {balance}, of which {waiting} is under way, and this takes {takes}");
            return Err(NotSigned::Never(problem));
        }
        Ok(())
    }

    fn check_unsigned(&self, hold: HoldId, memory: &dyn Memory) -> Result<(), NotSigned> {
        match sent::read(memory, hold) {
            Ok(None) => Ok(()),
            Ok(Some((_, Remembered::Cancelled))) => {
                Err(NotSigned::Never("it was given up before it was signed".to_owned()))
            }
            Ok(Some((_, Remembered::Signed { .. } | Remembered::Asked { .. }))) => {
                Err(NotSigned::Unknown("it was signed before".to_owned()))
            }
            Err(error) => Err(NotSigned::Unknown(reason(error))),
        }
    }

    /// The next nonce of a wallet and the version of the note that says so: one after the last that was given out here,
    /// and none that the chain has seen from elsewhere. A node that counts far ahead of what is final is not believed: all
    /// later transactions would wait behind a gap.
    async fn next_nonce(&self, sender: Address, memory: &dyn Memory) -> Result<(u64, u64), RailError> {
        let (version, given) = last_given_out(memory, sender)?;
        let seen = self.count_pending(sender).await?;
        watch::check_not_behind(memory, sender, seen)?;
        if seen > given {
            let used = self.count_at(sender, self.last_final().await?).await?;
            if seen > used.max(given).saturating_add(FOREIGN_PENDING) {
                let problem = format!(
                    "the node counts {seen} transactions of the wallet, of which {used} are final and {given} were sent from \
                     here; until it says what others are about no nonce is taken"
                );
                return Err(RailError::Unavailable(problem));
            }
        }
        Ok((version, given.max(seen)))
    }

    /// Gives a signed transaction to the node. Whatever the node says, it counts.
    pub(super) async fn broadcast(&self, signed: &Signed) -> SendOutcome {
        match self.offer(signed).await {
            Ok(outcome) => outcome,
            Err(error) => SendOutcome::Unknown { reason: reason(error) },
        }
    }

    /// The same, where a node that is silent is told apart from one that does not take it.
    pub(super) async fn offer(&self, signed: &Signed) -> Result<SendOutcome, RailError> {
        let bytes = Json::Text(signed.bytes.to_string().into());
        let reference = format!("{:#x}", signed.hash);
        match self.node.ask("eth_sendRawTransaction", vec![bytes]).await {
            Ok(_) => Ok(SendOutcome::Sent { reference }),
            Err(NodeError::Refused { message, .. }) if is_known(&message) => Ok(SendOutcome::Sent { reference }),
            Err(NodeError::Refused { message, .. }) => {
                if self.said.is_new(&reference, &message) {
                    tracing::warn!(transaction = reference, message, "the node did not take a signed transaction");
                }
                Ok(SendOutcome::Unknown { reason: format!("{reference} is signed, and was not taken: {message}") })
            }
            Err(error) => Err(RailError::Unavailable(error.reason())),
        }
    }
}

/// Why nothing was signed where a question had no answer.
fn not_signed(error: RailError) -> NotSigned {
    match error {
        RailError::Unavailable(reason) => NotSigned::NotNow(reason),
        other => NotSigned::Never(reason(other)),
    }
}

impl Halves {
    fn all(self) -> impl Iterator<Item = HoldId> {
        [Some(self.own), self.payers].into_iter().flatten()
    }
}

impl Step {
    /// The same, if what it takes from another wallet is held of that one, and of no other.
    fn paid_by(self, payers: Option<(&str, &Hold)>) -> Result<Self, String> {
        let (Self::Sign { payment, .. } | Self::Broadcast { payment, .. }) = &self;
        let is_held = match payers {
            None => payment.payer == payment.sender,
            Some((reference, half)) => {
                let wallet = wallet(reference).map_err(|_| "the payer's reference is no address".to_owned())?;
                payment.payer != payment.sender && plan::is_held_of_payer(payment, (wallet, half))
            }
        };
        if is_held { Ok(self) } else { Err("what another wallet pays is not what is held of it".to_owned()) }
    }

    fn sender(&self) -> Address {
        match self {
            Self::Sign { payment, .. } | Self::Broadcast { payment, .. } => payment.sender,
        }
    }

    /// What it takes of the chain's coin at most.
    fn takes(&self) -> Amount {
        let (payment, fee) = match self {
            Self::Sign { payment, gas, price, .. } => (payment, price.fee(*gas)),
            Self::Broadcast { payment, signed } => (payment, signed.fee()),
        };
        amount(payment.message.value).saturating_add(fee)
    }

    const fn is_broadcast(&self) -> bool {
        matches!(self, Self::Broadcast { .. } | Self::Sign { broadcast: true, .. })
    }
}

/// Whether the node says that it has the transaction already. There is no code for it, only words.
fn is_known(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["already known", "already imported", "known transaction", "alreadyknown"]
        .iter()
        .any(|words| message.contains(words))
}

/// The nonce after the last one that was given out here: 0 if none was.
pub(super) fn given_out(memory: &dyn Memory, sender: Address) -> Result<u64, RailError> {
    last_given_out(memory, sender).map(|(_, next)| next)
}

/// The same with the version of the note that says so.
fn last_given_out(memory: &dyn Memory, sender: Address) -> Result<(u64, u64), RailError> {
    let Some(note) = memory.read(&next(sender))? else { return Ok((0, 0)) };
    let unreadable = |_| RailError::Unavailable("the next nonce of the wallet cannot be read".to_owned());
    Ok((note.version, u64::from_be_bytes(note.body.as_slice().try_into().map_err(unreadable)?)))
}

pub(super) fn next(sender: Address) -> String {
    format!("next/{sender:#x}")
}

pub(super) fn reason(error: RailError) -> String {
    match error {
        RailError::Invalid { field, problem } => format!("{field} {problem}"),
        RailError::UnknownWallet => "there is no key of this wallet here".to_owned(),
        RailError::Refused(reason) | RailError::Unavailable(reason) => reason,
    }
}
