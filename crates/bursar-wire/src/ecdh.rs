//! Token issuance through ECDH: a token handed out so that only the holder of the login password can read it
//! (WC §3.4).
//!
//! The envelope's password is a point that the client's and the server's keys share. The server's key and that point
//! never leave this module in the clear.

use std::fmt;

use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::secp256k1::{Secp256k1, ecdh};
use bursar_core::secret::Secret;
use zeroize::Zeroizing;

use crate::envelope::{SealError, sjcl};
use crate::token_text::TokenText;

/// The most steps that a derivation path may have.
const MAX_STEPS: usize = 16;

/// Why no token can be issued this way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IssueError {
    /// The path has a hardened step, which a public key cannot follow.
    HardenedStep,
    /// The path is empty, too long, or has a step beyond 2^31 - 1.
    InvalidPath,
    /// The client's key is not an extended public key.
    InvalidClientKey,
    /// The server's key is not an extended private key.
    InvalidServerKey,
    /// The token could not be sealed.
    Seal(SealError),
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HardenedStep => f.write_str("the derivation path must not have hardened steps"),
            Self::InvalidPath => write!(f, "the derivation path must have 1 to {MAX_STEPS} steps below 2147483648"),
            Self::InvalidClientKey => f.write_str("the client's key must be an extended public key (xpub)"),
            Self::InvalidServerKey => f.write_str("the server's key must be an extended private key (xprv)"),
            Self::Seal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IssueError {}

/// A path in the client's own reading of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NormalPath(Vec<(u32, bool)>);

impl NormalPath {
    /// Reads a path as the client does: empty parts and one leading `m` are dropped, each part is the decimal number
    /// it begins with or else 0, and a trailing `'` stays.
    ///
    /// # Errors
    /// There is no step, there are too many, or one is beyond 2^31 - 1.
    pub fn read(path: &str) -> Result<Self, IssueError> {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        parts.next_if_eq(&"m");
        let steps = parts.take(MAX_STEPS + 1).map(read_step).collect::<Option<Vec<_>>>();
        match steps {
            Some(steps) if (1..=MAX_STEPS).contains(&steps.len()) => Ok(Self(steps)),
            _ => Err(IssueError::InvalidPath),
        }
    }

    fn to_child_numbers(&self) -> Result<Vec<ChildNumber>, IssueError> {
        let steps = self.0.iter().map(|(index, hardened)| {
            if *hardened {
                Err(IssueError::HardenedStep)
            } else {
                ChildNumber::from_normal_idx(*index).map_err(|_| IssueError::InvalidPath)
            }
        });
        steps.collect()
    }
}

impl fmt::Display for NormalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(position, (index, hardened))| {
            let (slash, mark) = (if position == 0 { "" } else { "/" }, if *hardened { "'" } else { "" });
            write!(f, "{slash}{index}{mark}")
        })
    }
}

fn read_step(part: &str) -> Option<(u32, bool)> {
    let digits = part.find(|character: char| !character.is_ascii_digit()).and_then(|end| part.get(..end));
    let digits = digits.unwrap_or(part);
    let index: u32 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    (index < 1 << 31).then_some((index, part.ends_with('\'')))
}

/// The point that the holder of either private key can compute: 66 hex characters of its compressed form, which as
/// text is the envelope's password.
///
/// # Errors
/// The path cannot be followed, or a key cannot be read.
pub fn shared_secret(
    client_xpub: &str,
    server_xprv: &Secret<String>,
    path: &str,
) -> Result<Secret<String>, IssueError> {
    let steps = NormalPath::read(path)?.to_child_numbers()?;
    let client: Xpub = client_xpub.parse().map_err(|_| IssueError::InvalidClientKey)?;
    let server: Xpriv = server_xprv.expose().parse().map_err(|_| IssueError::InvalidServerKey)?;
    let secp = Secp256k1::new();
    let client = client.derive_pub(&secp, &steps).map_err(|_| IssueError::InvalidPath)?;
    let server = server.derive_priv(&secp, &steps).map_err(|_| IssueError::InvalidPath)?;
    // The multiplication of the ECDH module takes constant time, unlike the tweak of a public key.
    let point = Zeroizing::new(ecdh::shared_secret_point(&client.public_key, &server.private_key));
    let (x, y) = point.split_at(32);
    let parity = y.last().map_or(0, |byte| byte & 1);
    let mut compressed = Zeroizing::new(vec![2 + parity]);
    compressed.extend_from_slice(x);
    Ok(Secret::new(base16ct::lower::encode_string(&compressed)))
}

/// A token as an ECDH login answers it, in place of a plain one.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The path that client and server follow, as given.
    pub derivation_path: String,
    /// The envelope, version 1 so that every client can read it.
    pub encrypted_token: String,
}

/// Seals a token for the client. Path, salt and iv are random, and used for one token only.
///
/// # Errors
/// The path cannot be followed, or a key cannot be read.
pub fn issue(
    token: &TokenText,
    client_xpub: &str,
    server_xprv: &Secret<String>,
    path: &str,
    salt: [u8; 8],
    iv: [u8; 16],
) -> Result<IssuedToken, IssueError> {
    let password = shared_secret(client_xpub, server_xprv, path)?;
    let encrypted_token = sjcl::seal(password.expose(), token.expose(), salt, iv, "").map_err(IssueError::Seal)?;
    Ok(IssuedToken { derivation_path: path.to_owned(), encrypted_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_client_reads_them() {
        for (path, normal) in [("m/0/1/2", "0/1/2"), ("4/5", "4/5"), ("/m/m/7/x3/", "0/7/0"), ("m/1'/3x'", "1'/3'")] {
            assert_eq!(NormalPath::read(path).unwrap().to_string(), normal);
        }
        let long = "1/".repeat(MAX_STEPS + 1);
        for wrong in ["", "m", "/", "2147483648", "99999999999999999999", &long] {
            assert_eq!(NormalPath::read(wrong), Err(IssueError::InvalidPath), "{wrong}");
        }
    }

    #[test]
    fn keys_that_cannot_be_read_are_named_and_not_shown() {
        let wrong = Secret::new("xprv-wrong".to_owned());
        assert_eq!(shared_secret("xpub-wrong", &wrong, "m/1").err(), Some(IssueError::InvalidClientKey));
        assert_eq!(shared_secret("xpub-wrong", &wrong, "m/1'").err(), Some(IssueError::HardenedStep));
    }

    #[test]
    fn an_issued_token_is_read_by_the_holder_of_the_client_key_only() {
        let key = |seed: u8| Xpriv::new_master(bitcoin::Network::Bitcoin, &[seed; 32]).unwrap();
        let public = |key: &Xpriv| Xpub::from_priv(&Secp256k1::new(), key).to_string();
        let secret = |key: &Xpriv| Secret::new(key.to_string());
        let (client, server, stranger) = (key(1), key(2), key(3));
        let token = TokenText::from_random([9; 28]);
        let issued = issue(&token, &public(&client), &secret(&server), "m/7/8", [1; 8], [2; 16]).unwrap();
        assert_eq!(issued.derivation_path, "m/7/8");
        let open_as = |key: &Xpriv| {
            let password = shared_secret(&public(&server), &secret(key), "m/7/8").unwrap();
            crate::envelope::open(password.expose(), &issued.encrypted_token)
        };
        assert_eq!(open_as(&client).unwrap().expose(), token.expose());
        assert!(open_as(&stranger).is_err());
    }
}
