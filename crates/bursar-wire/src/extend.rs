//! Extending a session by a signed message (WC §2.9): whoever opened an extensible session named an address, and
//! proves with its key that the session should live longer.

use std::fmt;

use bitcoin::address::NetworkUnchecked;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use bitcoin::{Address, AddressType, PubkeyHash};
use bursar_core::secret::Secret;

use crate::token_text::TokenText;

/// Why a session is not extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtendError {
    /// The extension address is not the hash of a public key (base58, mainnet or testnet).
    InvalidAddress,
    /// The `signature` header is not a Bitcoin signed message of 65 bytes in hex.
    InvalidSignature,
    /// The signature is that of another key or another message.
    WrongSignature,
}

impl fmt::Display for ExtendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidAddress => "`extensionAddress` must be a base58 P2PKH address of mainnet or testnet",
            Self::InvalidSignature => "the `signature` header must be a 65-byte Bitcoin signed message in hex",
            Self::WrongSignature => "the signature is not one of the session's extension address over this request",
        })
    }
}

impl std::error::Error for ExtendError {}

/// The address that an extensible session was opened with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionAddress(PubkeyHash);

impl ExtensionAddress {
    /// Reads a P2PKH address. The network is only its spelling: the message is the same on each.
    ///
    /// # Errors
    /// It is anything else.
    pub fn read(text: &str) -> Result<Self, ExtendError> {
        let address: Address<NetworkUnchecked> = text.parse().map_err(|_| ExtendError::InvalidAddress)?;
        let address = address.assume_checked();
        match (address.address_type(), address.pubkey_hash()) {
            (Some(AddressType::P2pkh), Some(hash)) => Ok(Self(hash)),
            _ => Err(ExtendError::InvalidAddress),
        }
    }

    /// Checks the signature of an extension: the key is recovered from it and must be compressed and hash to this
    /// address.
    ///
    /// # Errors
    /// The signature cannot be read, or is of another key or message.
    pub fn verify(&self, message: &Secret<String>, signature_hex: &str) -> Result<(), ExtendError> {
        let mut bytes = [0; 65];
        let bytes = match base16ct::mixed::decode(signature_hex, &mut bytes) {
            Ok(bytes) if bytes.len() == 65 => bytes,
            _ => return Err(ExtendError::InvalidSignature),
        };
        let signature = MessageSignature::from_slice(bytes).map_err(|_| ExtendError::InvalidSignature)?;
        let hash = signed_msg_hash(message.expose());
        let key = signature.recover_pubkey(&Secp256k1::verification_only(), hash);
        let key = key.map_err(|_| ExtendError::WrongSignature)?;
        if key.compressed && key.pubkey_hash() == self.0 { Ok(()) } else { Err(ExtendError::WrongSignature) }
    }
}

/// What the client signs: the text of its `timestamp` header, the raw token and the seconds it asks for.
pub fn message(timestamp: &str, token: &TokenText, duration_seconds: Option<u64>) -> Secret<String> {
    message_over(timestamp, token.expose(), duration_seconds)
}

/// The same over a bearer text that is not a token of ours.
pub fn message_over(timestamp: &str, token: &str, duration_seconds: Option<u64>) -> Secret<String> {
    // JavaScript writes what was left out as `undefined`.
    let duration = duration_seconds.map_or_else(|| "undefined".to_owned(), |seconds| seconds.to_string());
    Secret::new(format!("{timestamp}|{token}|{duration}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_p2pkh_address_can_extend_a_session() {
        // The same key hash on testnet and mainnet, then a P2SH and a segwit address.
        assert!(ExtensionAddress::read("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn").is_ok());
        assert!(ExtensionAddress::read("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").is_ok());
        for wrong in [
            "",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ] {
            assert_eq!(ExtensionAddress::read(wrong), Err(ExtendError::InvalidAddress), "{wrong}");
        }
    }

    #[test]
    fn a_signature_that_is_not_65_bytes_of_hex_is_refused() {
        let address = ExtensionAddress::read("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").unwrap();
        let message = message("1", &TokenText::from_random([1; 28]), Some(1));
        for wrong in ["", "1f", &"0".repeat(128), &"0".repeat(132), &"z".repeat(130), &"00".repeat(65)] {
            assert_eq!(address.verify(&message, wrong), Err(ExtendError::InvalidSignature), "{wrong}");
        }
    }
}
