//! What the rail remembers of a spend: nothing yet, that it will never be signed, that the node was asked to sign it, or
//! what was signed.

use bursar_core::id::HoldId;
use bursar_rails::evm::{Address, B256, Bytes, Signed};
use bursar_service::rail::{Memory, RailError};

/// The first byte of a note that says: this is never to be signed.
const CANCELLED: &[u8] = b"-";
/// The first byte of a note that says: the node was asked to sign this.
const ASKED: u8 = b'?';
/// The bytes of such a note: sender and nonce behind that. What is signed takes more.
const ASKED_BYTES: usize = 29;

/// A spend as it is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Remembered {
    /// It was never signed, and will not be.
    Cancelled,
    /// The node was, or was to be, asked to sign it: a signature may exist, so it counts from then on. What is to be
    /// signed follows from the hold and the nonce.
    Asked {
        /// Who pays.
        sender: Address,
        /// Its place in the sender's sequence.
        nonce: u64,
    },
    /// It is signed, and counts from then on.
    Signed {
        /// Who pays.
        sender: Address,
        /// Its place in the sender's sequence.
        nonce: u64,
        /// Its hash.
        hash: B256,
        /// What is broadcast.
        bytes: Bytes,
    },
}

/// The name of the note on a spend.
pub(super) fn note(hold: HoldId) -> String {
    format!("sent/{hold}")
}

/// What is remembered of a spend, with the note's version.
pub(super) fn read(memory: &dyn Memory, hold: HoldId) -> Result<Option<(u64, Remembered)>, RailError> {
    let Some(found) = memory.read(&note(hold))? else { return Ok(None) };
    if found.body == CANCELLED {
        return Ok(Some((found.version, Remembered::Cancelled)));
    }
    let remembered = unpack_asked(&found.body).or_else(|| unpack(&found.body));
    let remembered = remembered
        .ok_or_else(|| RailError::Unavailable("a signed transaction that was kept cannot be read".to_owned()))?;
    Ok(Some((found.version, remembered)))
}

/// Why a spend of which the node does not tell may still move.
pub(super) fn may_still_move(memory: &dyn Memory, hold: HoldId) -> Result<Option<String>, RailError> {
    Ok(match read(memory, hold)? {
        Some((_, Remembered::Signed { hash, nonce, .. })) => Some(format!(
            "it is signed as {hash:#x}, which may be mined as long as nothing else with nonce {nonce} is; it is given back then"
        )),
        Some((_, Remembered::Asked { nonce, .. })) => Some(format!(
            "the node was asked to sign it, and may have; it is given back once something else with nonce {nonce} is mined"
        )),
        Some((_, Remembered::Cancelled)) | None => None,
    })
}

/// The note on what the node is asked to sign.
pub(super) fn asked(sender: &Address, nonce: u64) -> Vec<u8> {
    [&[ASKED], sender.as_slice(), &nonce.to_be_bytes()].concat()
}

fn unpack_asked(body: &[u8]) -> Option<Remembered> {
    let body: &[u8; ASKED_BYTES] = body.try_into().ok()?;
    let (sender, nonce) = body.strip_prefix(&[ASKED])?.split_first_chunk::<20>()?;
    Some(Remembered::Asked { sender: sender.into(), nonce: u64::from_be_bytes(nonce.try_into().ok()?) })
}

/// The note on a signed transaction: sender, nonce, hash, and what is broadcast.
pub(super) fn pack(sender: &Address, signed: &Signed) -> Vec<u8> {
    [sender.as_slice(), &signed.nonce.to_be_bytes(), signed.hash.as_slice(), &signed.bytes].concat()
}

fn unpack(body: &[u8]) -> Option<Remembered> {
    let (sender, rest) = body.split_first_chunk::<20>()?;
    let (nonce, rest) = rest.split_first_chunk::<8>()?;
    let (hash, bytes) = rest.split_first_chunk::<32>()?;
    Some(Remembered::Signed {
        sender: sender.into(),
        nonce: u64::from_be_bytes(*nonce),
        hash: hash.into(),
        bytes: Bytes::copy_from_slice(bytes),
    })
}

/// The note that says that a spend is never signed.
pub(super) fn cancelled() -> Vec<u8> {
    CANCELLED.to_vec()
}
