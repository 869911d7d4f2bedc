//! What the rail remembers of a spend: nothing yet, that it will never be signed, or what was signed.

use bitcoin::Txid;
use bitcoin::consensus::encode::{deserialize_partial, serialize};
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::transaction::Raw;
use bursar_service::rail::{Memory, RailError};

/// The note that says: this is never to be signed.
const CANCELLED: &[u8] = b"-";
/// The first byte of a note on what was signed.
const SIGNED: u8 = 1;

/// A spend as it is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Remembered {
    /// It was never signed, and will not be.
    Cancelled,
    /// It is signed, and counts from then on.
    Signed(Box<Signed>),
}

/// What was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signed {
    /// Whose wallet pays.
    pub(super) wallet: String,
    /// What is broadcast.
    pub(super) raw: Raw,
    /// The same as its client gets it, if it asked for a PSBT.
    pub(super) psbt: Option<String>,
}

impl Signed {
    /// What the chain calls it.
    pub(super) fn txid(&self) -> Txid {
        self.raw.transaction().compute_txid()
    }

    /// As it is kept.
    pub(super) fn pack(&self) -> Vec<u8> {
        let psbt = self.psbt.clone().unwrap_or_default();
        let parts = [self.wallet.clone().into_bytes(), psbt.into_bytes(), self.raw.bytes().to_vec()];
        let mut body = vec![SIGNED];
        body.extend(parts.iter().flat_map(serialize));
        body
    }

    fn unpack(body: &[u8]) -> Option<Self> {
        let (SIGNED, mut rest) = body.split_first().map(|(first, rest)| (*first, rest))? else { return None };
        let mut part = || {
            let (bytes, read) = deserialize_partial::<Vec<u8>>(rest).ok()?;
            rest = rest.get(read..)?;
            Some(bytes)
        };
        let (wallet, psbt, raw) = (String::from_utf8(part()?).ok()?, String::from_utf8(part()?).ok()?, part()?);
        let psbt = (!psbt.is_empty()).then_some(psbt);
        rest.is_empty().then_some(Self { wallet, raw: Raw::read(raw).ok()?, psbt })
    }
}

/// The name of the note on a spend.
pub(super) fn note(hold: HoldId) -> String {
    format!("sent/{hold}")
}

/// What is remembered of a spend.
pub(super) fn read(memory: &dyn Memory, hold: HoldId) -> Result<Option<Remembered>, RailError> {
    let Some(found) = memory.read(&note(hold))? else { return Ok(None) };
    if found.body == CANCELLED {
        return Ok(Some(Remembered::Cancelled));
    }
    let signed = Signed::unpack(&found.body)
        .ok_or_else(|| RailError::Unavailable("a signed transaction that was kept cannot be read".to_owned()))?;
    Ok(Some(Remembered::Signed(Box::new(signed))))
}

/// The note that says that a spend is never signed.
pub(super) fn cancelled() -> Vec<u8> {
    CANCELLED.to_vec()
}
