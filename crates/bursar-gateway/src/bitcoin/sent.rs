//! What the rail remembers of a spend: nothing yet, that it will never be signed, or what was signed.

use bitcoin::consensus::encode::{deserialize, deserialize_partial, serialize};
use bitcoin::{Amount, ScriptBuf, TxOut, Txid};
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
    /// What its inputs are worth, in their order.
    pub(super) coins: Vec<TxOut>,
    /// The scripts of its change.
    pub(super) kept: Vec<ScriptBuf>,
    /// What the transaction pays that it replaces, if it replaces one.
    pub(super) raised_from: Option<Amount>,
}

impl Signed {
    /// What the chain calls it.
    pub(super) fn txid(&self) -> Txid {
        self.raw.transaction().compute_txid()
    }

    /// As it is kept.
    pub(super) fn pack(&self) -> Vec<u8> {
        let psbt = self.psbt.clone().unwrap_or_default();
        let kept: Vec<Vec<u8>> = self.kept.iter().map(|script| script.to_bytes()).collect();
        // A fee of nothing is none that was replaced: no node relays it.
        let raised_from = self.raised_from.unwrap_or(Amount::ZERO).to_sat();
        let parts = [
            self.wallet.clone().into_bytes(),
            psbt.into_bytes(),
            self.raw.bytes().to_vec(),
            serialize(&self.coins),
            serialize(&kept),
            serialize(&raised_from),
        ];
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
        let coins = deserialize(&part()?).ok()?;
        let kept: Vec<Vec<u8>> = deserialize(&part()?).ok()?;
        let kept = kept.into_iter().map(ScriptBuf::from_bytes).collect();
        let raised_from = Amount::from_sat(deserialize(&part()?).ok()?);
        let raised_from = (raised_from > Amount::ZERO).then_some(raised_from);
        rest.is_empty().then_some(Self { wallet, raw: Raw::read(raw).ok()?, psbt, coins, kept, raised_from })
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

/// The name of the note that says by which spend one is replaced. There is one at most, whoever asks for it.
pub(super) fn replaced_note(hold: HoldId) -> String {
    format!("replaced/{hold}")
}

/// The spend that replaces one, for as long as it is not settled.
pub(super) fn replaced_by(memory: &dyn Memory, hold: HoldId) -> Result<Option<HoldId>, RailError> {
    let Some(found) = memory.read(&replaced_note(hold))? else { return Ok(None) };
    let unreadable = || RailError::Unavailable("what replaces a transaction cannot be read".to_owned());
    let by = HoldId::from_bytes(found.body.as_slice().try_into().map_err(|_| unreadable())?);
    Ok(matches!(read(memory, by)?, Some(Remembered::Signed(_))).then_some(by))
}

/// The note that says that a spend is never signed.
pub(super) fn cancelled() -> Vec<u8> {
    CANCELLED.to_vec()
}
