//! Sending: a signature by the node, checked, remembered, then the broadcast. In this order and never another.

use std::time::Instant;

use bitcoin::OutPoint;
use bursar_core::hold::Hold;
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::outcome::Outcome;
use bursar_rails::bitcoin::{signed, transaction::PartiallySigned};
use bursar_service::rail::{Memory, NewNote, RailError, SendOutcome};

use super::node::told;
use super::plan::{self, Errand, Step};
use super::sent::{self, Remembered, Signed};
use super::{BitcoinRail, refused, watch};

impl BitcoinRail {
    pub(super) async fn carry_out(&self, reference: &str, hold: &Hold, memory: &dyn Memory) -> SendOutcome {
        let step = match plan::read(self.network, hold) {
            Ok(step) => step,
            Err(reason) => return SendOutcome::Refused { reason },
        };
        // Whoever sends it again finds the first.
        match sent::read(memory, hold.id) {
            Ok(None) => {}
            Ok(Some(found)) => return found_before(&found),
            Err(error) => return SendOutcome::Unknown { reason: reason(error) },
        }
        let replaced = match in_place_of(&step.errand, hold.id, memory) {
            Ok(replaced) => replaced,
            Err(error) => return not_signed(error),
        };
        let instead_of = replaced.as_ref().map(|replaced| replaced.hold);
        let change = replaced.iter().flat_map(|replaced| replaced.change.iter().copied());
        let coins: Vec<_> = step.coins.keys().copied().chain(change).collect();
        if !self.reserved.sign_instead(hold.id, instead_of, coins.into_iter(), Instant::now()) {
            let reason = "another spend took its coins meanwhile; ask again".to_owned();
            return SendOutcome::Refused { reason };
        }
        // Until it is remembered, a signature is known to the node only, which broadcasts nothing by itself.
        let signed = match self.sign(reference, &step).await {
            Ok(signed) => signed,
            Err(error) => return not_signed(error),
        };
        let given = match watch::given(memory, hold.id, &signed) {
            Ok(given) => given,
            Err(error) => return SendOutcome::Unknown { reason: reason(error) },
        };
        let remembered = NewNote { name: sent::note(hold.id), version: 0, body: Some(signed.pack()) };
        let mut notes = vec![remembered, given];
        notes.extend(replaced.map(|replaced| replaced.note));
        match memory.write(notes).await {
            Ok(true) => {}
            Ok(false) => {
                return match sent::read(memory, hold.id) {
                    Ok(Some(found)) => found_before(&found),
                    // Its signature was thrown away: nobody has it, and it is looked for as one that never was.
                    _ => SendOutcome::Unknown { reason: "it was signed before, or replaced by another".to_owned() },
                };
            }
            // Nothing has left, and nothing will before the note is read again.
            Err(error) => return SendOutcome::Unknown { reason: reason(error) },
        }
        match step.errand {
            Errand::Send | Errand::Broadcast(_) | Errand::Replace { .. } => self.broadcast(&signed).await,
            Errand::Sign | Errand::SignPsbt(_) => SendOutcome::Sent { reference: signed.txid().to_string() },
        }
    }

    /// Has the node sign, and checks that it signed what is held.
    async fn sign(&self, reference: &str, step: &Step) -> Result<Signed, RailError> {
        let (raw, psbt) = match &step.errand {
            Errand::Broadcast(raw) => (raw.clone(), None),
            Errand::Send | Errand::Sign | Errand::Replace { .. } => {
                (self.node.sign(reference, &step.unsigned).await.map_err(told)?, None)
            }
            Errand::SignPsbt(text) => {
                let (raw, psbt) = self.node.sign_psbt(reference, text).await.map_err(told)?;
                let read = PartiallySigned::read(&psbt).map_err(refused)?;
                signed::check_psbt(&step.payment, &read).map_err(refused)?;
                (raw, Some(psbt))
            }
        };
        let checked = signed::Signed::of(&step.payment, raw, &step.coins).map_err(refused)?;
        let coins = plan::coins_of(checked.raw.transaction(), &step.coins);
        let kept = step.payment.change.iter().map(|change| change.script.clone()).collect();
        let raised_from = match step.errand {
            Errand::Replace { fee, .. } => Some(fee),
            _ => None,
        };
        Ok(Signed { wallet: reference.to_owned(), raw: checked.raw, psbt, coins, kept, raised_from })
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
        let txid = signed.txid();
        Ok(match self.node.broadcast(txid, &signed.raw).await? {
            Outcome::Done { txid } => SendOutcome::Sent { reference: txid.to_string() },
            Outcome::Refused { reason } | Outcome::Unknown { reason } => {
                if self.said.is_new(&txid.to_string(), &reason) {
                    tracing::warn!(transaction = %txid, reason, "the node did not take a signed transaction");
                }
                SendOutcome::Unknown { reason: format!("{txid} is signed, and was not taken: {reason}") }
            }
        })
    }
}

/// What is replaced by a spend that is signed now.
struct Replaced {
    hold: HoldId,
    /// What comes back by it: nobody may spend that any more.
    change: Vec<OutPoint>,
    /// Says by which spend. Of two that are asked for at once, one is written.
    note: NewNote,
}

/// The spend whose transaction another replaces, if it still may.
fn in_place_of(errand: &Errand, by: HoldId, memory: &dyn Memory) -> Result<Option<Replaced>, RailError> {
    let Errand::Replace { hold, .. } = errand else { return Ok(None) };
    let name = sent::replaced_note(*hold);
    // INVARIANT: the version is read before what it says: it is written only if nobody was faster.
    let version = memory.read(&name)?.map_or(0, |note| note.version);
    if sent::replaced_by(memory, *hold)?.is_some() {
        return Err(RailError::Refused("another transaction replaces it meanwhile; bump that one".to_owned()));
    }
    let Some(Remembered::Signed(signed)) = sent::read(memory, *hold)? else {
        return Err(RailError::Refused("what it is to replace is settled meanwhile".to_owned()));
    };
    let note = NewNote { name, version, body: Some(by.as_bytes().to_vec()) };
    Ok(Some(Replaced { hold: *hold, change: signed.change(), note }))
}

fn found_before(found: &Remembered) -> SendOutcome {
    match found {
        Remembered::Cancelled => SendOutcome::Refused { reason: "it was given up before it was signed".to_owned() },
        Remembered::Signed(_) => SendOutcome::Unknown { reason: "it was signed before".to_owned() },
    }
}

/// What is told where nothing was signed that anybody has: a node that is silent may be asked again.
fn not_signed(error: RailError) -> SendOutcome {
    match error {
        RailError::Unavailable(reason) => SendOutcome::NotSent { reason },
        other => SendOutcome::Refused { reason: reason(other) },
    }
}

pub(super) fn reason(error: RailError) -> String {
    match error {
        RailError::Invalid { field, problem } => format!("{field} {problem}"),
        RailError::UnknownWallet => "the node has no such wallet".to_owned(),
        RailError::Refused(reason) | RailError::Unavailable(reason) => reason,
    }
}
