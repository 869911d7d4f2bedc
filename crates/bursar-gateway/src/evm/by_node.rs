//! Wallets whose key the node has: the node signs what it is told, field by field, and what comes back is taken only if
//! it is that.
//!
//! **Asked means spent.** That the node is asked is durable before it is: from then on a signature may exist. A lost
//! answer is asked for again, of the very same transaction, of which the chain takes one whatever number of signatures it
//! has. What is signed otherwise than it was asked for is never kept and never broadcast.

use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_rails::evm::build::Terms;
use bursar_rails::evm::by_node::signed_bytes;
use bursar_rails::evm::fees::ClientFees;
use bursar_rails::evm::{Address, B256, Payment, Seen, Signed, Unsigned, address, quantity};
use bursar_rails::json::Json;
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::plan::{self, Step};
use super::send::{NotSigned, next, reason};
use super::sent::{self, Remembered};
use super::{EvmRail, keys, parse, quote, watch};
use crate::node::NodeError;

/// The last nonce there is (EIP-2681): no account ever gets there, so a signature with it is good for nothing.
const NEVER_REACHED: u64 = u64::MAX - 1;
/// The gas of a plain transfer.
const PLAIN_GAS: u64 = 21_000;
/// What JSON-RPC calls a method that there is not.
const NO_SUCH_METHOD: i64 = -32601;
/// How nodes say that they have no use of the key: before they sign. There is no code for it, only words.
const DECLINES: [&str; 7] = [
    "no signer available",
    "unknown account",
    "authentication needed",
    "account is locked",
    "account locked",
    "not unlocked",
    "request denied",
];

/// Why there is no signature of the node.
enum NoSignature {
    /// It was not asked, or declined before it signed.
    Declined(String),
    /// It may have signed.
    Unknown(String),
}

impl EvmRail {
    /// Checks that the node has the key of an address, and signs with it what it is told. A transaction that can never be
    /// mined is the proof.
    pub(super) async fn check_of_node(&self, reference: &str) -> Result<(), RailError> {
        let sender = parse("reference", reference)?;
        self.is_usable().await?;
        let invalid = |problem: String| RailError::Invalid { field: "reference", problem };
        let accounts = self.node.ask("eth_accounts", Vec::new()).await.map_err(quote::told)?;
        let is_sender = |one: &Json| one.as_text().and_then(|text| address::parse(text).ok()) == Some(sender);
        if !accounts.as_list().is_some_and(|all| all.iter().any(is_sender)) {
            return Err(invalid("is no account of the node; its `eth_accounts` has those it can sign for".to_owned()));
        }
        let refused = |refusal: bursar_rails::Forbidden| RailError::Refused(refusal.detail);
        let price = quote::price(&self.chain, &self.node, &ClientFees::default()).await?;
        let payment = Payment::transfer(
            &self.chain,
            &|_| true,
            sender,
            self.chain.native(),
            sender,
            bursar_core::amount::Amount::ZERO,
        );
        let terms = Terms { nonce: NEVER_REACHED, gas: PLAIN_GAS, price };
        let unsigned = Unsigned::of(&self.chain, &payment.map_err(refused)?, terms).map_err(refused)?;
        match self.node.ask("eth_signTransaction", vec![unsigned.to_json()]).await {
            Ok(answer) => match read(&unsigned, &answer) {
                Ok(_) => Ok(()),
                Err(problem) => Err(invalid(format!("is of a node that does not sign as it is told: {problem}"))),
            },
            Err(NodeError::Refused { code: NO_SUCH_METHOD, .. }) => Err(invalid(
                "is of a node that signs nothing but what it sends itself (it has no `eth_signTransaction`): let Bursar \
                 keep the key, or put a signer such as Web3Signer before the node"
                    .to_owned(),
            )),
            Err(error) => Err(quote::told(error)),
        }
    }

    /// Has the node sign what is remembered as asked for. What it declines now was never signed, and its nonce is free
    /// again: it was asked for the first time.
    pub(super) async fn first_signature(
        &self,
        hold: HoldId,
        unsigned: &Unsigned,
        memory: &dyn Memory,
    ) -> Result<Signed, NotSigned> {
        match self.signature(hold, unsigned, memory).await {
            Ok(signed) => Ok(signed),
            Err(NoSignature::Unknown(reason)) => Err(NotSigned::Unknown(reason)),
            Err(NoSignature::Declined(reason)) => match self.take_back(hold, unsigned, memory).await {
                Ok(true) => Err(NotSigned::Never(reason)),
                Ok(false) | Err(_) => Err(NotSigned::Unknown(reason)),
            },
        }
    }

    /// What became of a spend that the node was asked to sign.
    pub(super) async fn look_for_asked(
        &self,
        hold: &Hold,
        (sender, nonce): (Address, u64),
        memory: &dyn Memory,
    ) -> Result<SendOutcome, RailError> {
        let unsigned = self.unsigned(hold, nonce).map_err(RailError::Unavailable)?;
        let last_final = self.last_final().await?;
        if self.count_at(sender, last_final).await? > nonce {
            let user = self.user_of_nonce(sender, nonce, last_final).await?;
            let unseen = || RailError::Unavailable(format!("which transaction used nonce {nonce} cannot be seen"));
            let user = user.ok_or_else(unseen)?;
            let (bytes, seen) = self.seen(user).await?.ok_or_else(unseen)?;
            if seen.signing_hash != unsigned.signing_hash() {
                let reason = format!("nonce {nonce} of the wallet was used by {user:#x}, which is final");
                return Ok(SendOutcome::Refused { reason });
            }
            // The node sent by itself what it signed.
            let signed = unsigned.signed_as(&bytes).map_err(|altered| RailError::Unavailable(altered.to_string()))?;
            self.remember(hold.id, sender, &signed, memory).await?;
            return self.look_on_chain(sender, &signed, memory).await;
        }
        let turn = self.turn(sender);
        // Whoever has the turn may be asking for this one.
        let Ok(_turn) = turn.try_lock() else {
            return Ok(SendOutcome::Unknown { reason: "it is being signed".to_owned() });
        };
        match self.signature(hold.id, &unsigned, memory).await {
            Ok(signed) => self.offer(&signed).await,
            // It was asked before, and may have signed then.
            Err(NoSignature::Declined(reason) | NoSignature::Unknown(reason)) => Ok(SendOutcome::Unknown { reason }),
        }
    }

    /// The bytes of a transaction that the node knows, and what they are: they prove themselves.
    pub(super) async fn seen(&self, hash: B256) -> Result<Option<(Vec<u8>, Seen)>, RailError> {
        let params = vec![Json::Text(format!("{hash:#x}").into())];
        let answer = self.node.ask("eth_getRawTransactionByHash", params).await.map_err(quote::told)?;
        let bytes = answer.as_text().and_then(|text| quantity::data(text).ok());
        let seen = bytes.and_then(|bytes| Some((bytes.to_vec(), Seen::read(&bytes)?)));
        Ok(seen.filter(|(_, seen)| seen.hash == hash))
    }

    /// Keeps what was signed in place of what was asked for. Another signature that was kept meanwhile is the answer.
    pub(super) async fn remember(
        &self,
        hold: HoldId,
        sender: Address,
        signed: &Signed,
        memory: &dyn Memory,
    ) -> Result<Option<Signed>, RailError> {
        let Some((version, remembered)) = sent::read(memory, hold)? else { return Ok(None) };
        match remembered {
            Remembered::Asked { .. } => {}
            Remembered::Signed { hash, bytes, .. } => return Ok(Some(Signed { hash, bytes, ..signed.clone() })),
            Remembered::Cancelled => return Ok(None),
        }
        let given = watch::known_as(memory, sender, signed.nonce, hold, signed.hash)?;
        let body = Some(sent::pack(&sender, signed));
        let notes = vec![NewNote { name: sent::note(hold), version, body }, given];
        Ok(memory.write(notes).await?.then(|| signed.clone()))
    }

    async fn signature(&self, hold: HoldId, unsigned: &Unsigned, memory: &dyn Memory) -> Result<Signed, NoSignature> {
        let answer = match self.node.ask("eth_signTransaction", vec![unsigned.to_json()]).await {
            Ok(answer) => answer,
            Err(NodeError::Refused { code, message, .. }) if declines(code, &message) => {
                return Err(NoSignature::Declined(format!("the node does not sign: {message}")));
            }
            Err(error @ NodeError::NotReached(_)) => return Err(NoSignature::Declined(error.reason())),
            Err(error) => return Err(NoSignature::Unknown(error.reason())),
        };
        let signed = read(unsigned, &answer).map_err(|problem| {
            let sender = unsigned.sender();
            tracing::error!(spend = %hold, wallet = %sender, problem, "the node signed something else than it was asked");
            NoSignature::Unknown(format!("the node did not sign what it was asked: {problem}"))
        })?;
        match self.remember(hold, *unsigned.sender(), &signed, memory).await {
            Ok(Some(signed)) => Ok(signed),
            Ok(None) => Err(NoSignature::Unknown("what was signed could not be remembered".to_owned())),
            Err(error) => Err(NoSignature::Unknown(reason(error))),
        }
    }

    /// The transaction of a hold that the node is to sign with this nonce: always the same.
    fn unsigned(&self, hold: &Hold, nonce: u64) -> Result<Unsigned, String> {
        match plan::read(&self.chain, hold)? {
            Step::Sign { payment, gas, price, .. } => {
                Unsigned::of(&self.chain, &payment, Terms { nonce, gas, price }).map_err(|refusal| refusal.detail)
            }
            Step::Broadcast { .. } => Err("it was signed by its client".to_owned()),
        }
    }

    /// Takes the nonce back of what was never signed, unless a later one was given out; and says for good that it is not.
    async fn take_back(&self, hold: HoldId, unsigned: &Unsigned, memory: &dyn Memory) -> Result<bool, RailError> {
        let (sender, nonce) = (*unsigned.sender(), unsigned.terms().nonce);
        let Some((version, Remembered::Asked { .. })) = sent::read(memory, hold)? else { return Ok(false) };
        let last = memory.read(&next(sender))?.filter(|last| last.body == (nonce.saturating_add(1)).to_be_bytes());
        let Some(last) = last else { return Ok(false) };
        let mut notes = vec![
            NewNote { name: sent::note(hold), version, body: Some(sent::cancelled()) },
            NewNote { name: next(sender), version: last.version, body: Some(nonce.to_be_bytes().to_vec()) },
        ];
        notes.extend(watch::taken_back(memory, sender, nonce, &unsigned.signing_hash())?);
        memory.write(notes).await
    }

    /// Whether a transaction that used a nonce in place of ours is the same under another signature of the node.
    pub(super) async fn is_the_same(
        &self,
        (sender, user): (Address, B256),
        ours: &Signed,
        memory: &dyn Memory,
    ) -> Result<Option<Signed>, RailError> {
        if !keys::is_of_node(memory, &sender)? {
            return Ok(None);
        }
        let unseen = || RailError::Unavailable(format!("{user:#x} cannot be seen"));
        let (bytes, seen) = self.seen(user).await?.ok_or_else(unseen)?;
        let is_same = Seen::read(&ours.bytes).is_some_and(|ours| ours.signing_hash == seen.signing_hash);
        Ok(is_same.then(|| Signed { hash: user, bytes: bytes.into(), ..ours.clone() }))
    }
}

fn read(unsigned: &Unsigned, answer: &Json) -> Result<Signed, String> {
    let bytes = signed_bytes(answer).ok_or_else(|| "its answer is no signed transaction".to_owned())?;
    unsigned.signed_as(&bytes).map_err(|altered| altered.to_string())
}

fn declines(code: i64, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    code == NO_SUCH_METHOD || DECLINES.iter().any(|words| message.contains(words))
}
