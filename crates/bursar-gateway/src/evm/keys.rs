//! Keys of wallets: kept sealed, opened for one signature, never shown; or kept by the node.

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

/// Who signs for a wallet.
pub(super) enum Signer {
    /// The key is kept here.
    Here(Key),
    /// The node has the key.
    Node,
}

/// Who signs for a wallet: its node only if it was registered so, and no key of it is kept here.
pub(super) fn signer(memory: &dyn Memory, address: &Address) -> Result<Signer, RailError> {
    match open(memory, address) {
        Err(RailError::UnknownWallet) if memory.read(&of_node(address))?.is_some() => Ok(Signer::Node),
        opened => opened.map(Signer::Here),
    }
}

/// Whether it is the node that signs for a wallet.
pub(super) fn is_of_node(memory: &dyn Memory, address: &Address) -> Result<bool, RailError> {
    Ok(memory.read(&note(address))?.is_none() && memory.read(&of_node(address))?.is_some())
}

/// The name of the note that is written when a wallet is registered whose key the node has.
pub(super) fn of_node(address: &Address) -> String {
    format!("wallet/{address:#x}")
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
