//! Secrets at rest: AES-256-GCM under a data key, which the master key wraps (SECURITY.md).
//!
//! What is sealed is bound to its place: table, column and row id are authenticated with it, so that a
//! sealed value moved to another row does not open. The master key never reaches the store.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use bursar_core::secret::Secret;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const NONCE_BYTES: usize = 12;
const WRAP_PLACE: Place<'static> = Place { table: "data_keys", column: "wrapped", row: b"1" };

/// The key that everything at rest hangs on. Kept outside the data directory.
#[derive(Clone, Debug)]
pub struct MasterKey(Secret<[u8; 32]>);

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its table.
    pub table: &'static str,
    /// Its column.
    pub column: &'static str,
    /// The id of its row.
    pub row: &'a [u8],
}

/// A sealed value did not open: wrong key, wrong place, or changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CannotOpen;

/// Seals and opens with the data key, and finds tokens by their secrets.
#[derive(Clone)]
pub struct Sealer {
    cipher: Aes256Gcm,
    pepper: Hmac<Sha256>,
}

impl MasterKey {
    /// The key with these bytes.
    pub const fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Wraps a data key; `nonce` must be random.
    ///
    /// # Errors
    /// The cipher refused, which it does only for texts of absurd length.
    pub fn wrap(&self, data_key: &Secret<[u8; 32]>, nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, CannotOpen> {
        seal_with(&self.cipher()?, WRAP_PLACE, data_key.expose(), nonce)
    }

    /// Unwraps a data key.
    ///
    /// # Errors
    /// This is not the master key the data key was wrapped with.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<[u8; 32]>, CannotOpen> {
        let opened = Secret::new(open_with(&self.cipher()?, WRAP_PLACE, wrapped)?);
        opened.expose().as_slice().try_into().map(Secret::new).map_err(|_| CannotOpen)
    }

    /// Thirty-two bytes that follow from the key and a purpose, for what need not be stored to be kept.
    pub fn derive(&self, purpose: &str) -> Secret<[u8; 32]> {
        Secret::new(keyed(self.0.expose(), &[b"bursar master ", purpose.as_bytes()]))
    }

    fn cipher(&self) -> Result<Aes256Gcm, CannotOpen> {
        Aes256Gcm::new_from_slice(self.0.expose()).map_err(|_| CannotOpen)
    }
}

impl Sealer {
    /// Seals with this data key.
    ///
    /// # Errors
    /// The cipher refused the key, which it does only for a wrong length.
    pub fn new(data_key: &Secret<[u8; 32]>) -> Result<Self, CannotOpen> {
        let sealing = Secret::new(keyed(data_key.expose(), &[b"bursar seal"]));
        let pepper = Secret::new(keyed(data_key.expose(), &[b"bursar pepper"]));
        Ok(Self {
            cipher: Aes256Gcm::new_from_slice(sealing.expose()).map_err(|_| CannotOpen)?,
            pepper: <Hmac<Sha256> as KeyInit>::new_from_slice(pepper.expose()).map_err(|_| CannotOpen)?,
        })
    }

    /// Seals a value for its place; `nonce` must be random.
    ///
    /// # Errors
    /// The cipher refused, which it does only for texts of absurd length.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, CannotOpen> {
        seal_with(&self.cipher, place, plain, nonce)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// Wrong key, wrong place, or changed.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, CannotOpen> {
        open_with(&self.cipher, place, sealed).map(Secret::new)
    }

    /// The key a token is found by: useless without the pepper, so that a stolen table of them is no list
    /// of credentials (WC §2.6).
    pub fn lookup(&self, bearer_hash: &[u8; 32]) -> [u8; 32] {
        let mut mac = self.pepper.clone();
        mac.update(bearer_hash);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sealed value does not open with this key at this place")
    }
}

impl std::error::Error for CannotOpen {}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length, so this cannot fail; zeroes would open nothing.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        return [0; 32];
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn associated(place: Place<'_>) -> Vec<u8> {
    [place.table.as_bytes(), b"\0", place.column.as_bytes(), b"\0", place.row].concat()
}

fn seal_with(
    cipher: &Aes256Gcm,
    place: Place<'_>,
    plain: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, CannotOpen> {
    let payload = Payload { msg: plain, aad: &associated(place) };
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| CannotOpen)?;
    Ok([&nonce[..], &sealed].concat())
}

fn open_with(cipher: &Aes256Gcm, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(CannotOpen)?;
    let payload = Payload { msg: sealed, aad: &associated(place) };
    cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| CannotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place { table: "tokens", column: "sealed", row: b"row one" };

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Secret::new([byte; 32])).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_and_nowhere_else() {
        let sealed = sealer(1).seal(HERE, b"hush", [9; 12]).unwrap();
        assert_eq!(sealer(1).open(HERE, &sealed).unwrap().expose(), b"hush");
        assert_eq!(sealer(1).open(Place { row: b"row two", ..HERE }, &sealed).err(), Some(CannotOpen));
        assert_eq!(sealer(1).open(Place { column: "other", ..HERE }, &sealed).err(), Some(CannotOpen));
        assert_eq!(sealer(2).open(HERE, &sealed).err(), Some(CannotOpen));
    }

    #[test]
    fn a_changed_or_cut_value_does_not_open() {
        let sealed = sealer(1).seal(HERE, b"hush", [9; 12]).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(1).open(HERE, &changed).is_err());
            assert!(sealer(1).open(HERE, &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_data_key_unwraps_only_with_its_master_key() {
        let master = MasterKey::new(Secret::new([3; 32]));
        let wrapped = master.wrap(&Secret::new([7; 32]), [1; 12]).unwrap();
        assert_eq!(master.unwrap(&wrapped).unwrap().expose(), &[7; 32]);
        assert!(MasterKey::new(Secret::new([4; 32])).unwrap(&wrapped).is_err());
    }
}
