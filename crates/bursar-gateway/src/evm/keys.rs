//! Keys of wallets: kept sealed, opened for one signature, never shown.

use bursar_core::secret::Secret;
use bursar_rails::evm::build::WrongSignature;
use bursar_rails::evm::{Address, Signed, Unsigned};
use bursar_service::rail::{Memory, RailError};
use k256::ecdsa::SigningKey;

/// A key that signs.
pub(super) struct Key(SigningKey);

impl Key {
    /// The key of these bytes; nothing if they are none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(Self)
    }

    /// The address it signs for.
    pub(super) fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    /// Signs a transaction.
    pub(super) fn sign(&self, unsigned: Unsigned) -> Result<Signed, WrongSignature> {
        let hash = unsigned.signing_hash();
        let (signature, recovery) = self.0.sign_prehash_recoverable(hash.as_slice()).map_err(|_| WrongSignature)?;
        let (r, s) = signature.split_bytes();
        unsigned.sign(r.into(), s.into(), recovery.is_y_odd())
    }
}

/// The name of the note that a wallet's key is kept under.
pub(super) fn note(address: &Address) -> String {
    format!("key/{address:#x}")
}

/// The key of a wallet.
pub(super) fn open(memory: &dyn Memory, address: &Address) -> Result<Key, RailError> {
    let bytes = memory.read_secret(&note(address))?.ok_or(RailError::UnknownWallet)?;
    let key = Key::read(bytes.expose()).filter(|key| key.address() == *address);
    key.ok_or_else(|| RailError::Unavailable("the kept key is not that of its wallet".to_owned()))
}

/// Keeps a key; `false` if there is one of that address already. Gives the address.
pub(super) async fn keep(memory: &dyn Memory, bytes: &Secret<Vec<u8>>) -> Result<(Address, bool), RailError> {
    let key = Key::read(bytes.expose()).ok_or_else(|| RailError::Invalid {
        field: "key",
        problem: "is no private key: 32 bytes, not zero and below the order of the curve".to_owned(),
    })?;
    let address = key.address();
    let kept = memory.write_secret(&note(&address), Secret::new(bytes.expose().clone())).await?;
    Ok((address, kept))
}
