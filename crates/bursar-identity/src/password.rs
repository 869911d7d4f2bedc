//! Passwords: Argon2id over the verifier text of the wire, and what a new password must be like.
//!
//! The client sends 64 hex characters made of the password (WC §3.2): they let in whoever has them, so
//! they must never be stored, logged or compared as such, only hashed. Hashing takes tens of
//! milliseconds and [`PasswordCost::memory_kib`] of memory: never on an async thread, never unbounded.

mod common;

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as PhcHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::username::Username;

/// The shortest new password, in characters, beside a second factor (NIST SP 800-63B-4 §3.1.1.2).
pub const MIN_LENGTH: usize = 8;
/// The shortest new password, in characters, where it is the only factor (same source).
pub const MIN_LENGTH_SINGLE_FACTOR: usize = 15;
/// The longest new password, in characters; NIST asks for at least 64.
pub const MAX_LENGTH: usize = 256;

/// What this service is called.
const SERVICE_NAME: &str = "bursar";

const VERIFIER_LENGTH: usize = 64;
const OUTPUT_LENGTH: usize = 32;

/// What one hash costs whoever computes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PasswordCost {
    /// 19 MiB, two passes, one lane: OWASP's recommendation for Argon2id.
    pub const PRODUCTION: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// As cheap as it gets, for tests only.
    pub const TEST: Self = Self { memory_kib: 32, passes: 1, lanes: 1 };

    const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    const MAX_PASSES: u32 = 64;
    const MAX_LANES: u32 = 16;

    /// A cost of one's own: at most 1 GiB, 64 passes, 16 lanes, and 8 KiB for each lane.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let lanes_fit = 1 <= lanes && lanes <= Self::MAX_LANES;
        let passes_fit = 1 <= passes && passes <= Self::MAX_PASSES;
        if lanes_fit && passes_fit && lanes * 8 <= memory_kib && memory_kib <= Self::MAX_MEMORY_KIB {
            Some(Self { memory_kib, passes, lanes })
        } else {
            None
        }
    }

    /// Memory of one hash in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over that memory.
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes the memory is cut into.
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    fn params(self) -> Result<Params, PasswordError> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT_LENGTH)).map_err(|_| PasswordError::Fault)
    }
}

/// A stored password: an Argon2id PHC string. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a verifier was not hashed, or a stored text is not a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordError {
    /// The verifier is not 64 lower-case hex characters.
    InvalidVerifier,
    /// The text is not an Argon2id PHC string of ours, or asks for too much work.
    InvalidHash,
    /// Argon2 failed, for want of memory.
    Fault,
}

impl PasswordHash {
    /// Takes back a stored text.
    ///
    /// # Errors
    /// [`PasswordError::InvalidHash`]
    pub fn parse(phc: &str) -> Result<Self, PasswordError> {
        let parsed = PhcHash::new(phc).map_err(|_| PasswordError::InvalidHash)?;
        let whole = parsed.salt.is_some() && parsed.hash.as_ref().is_some_and(|output| output.len() == OUTPUT_LENGTH);
        let algorithm =
            parsed.algorithm == Algorithm::Argon2id.ident() && parsed.version == Some(Version::V0x13.into());
        match cost_of(&parsed) {
            Some(_) if whole && algorithm => Ok(Self(phc.to_owned())),
            _ => Err(PasswordError::InvalidHash),
        }
    }

    /// The PHC string, for the store.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A hash that nobody's verifier has, for [`verify_nobody`].
    fn of_nobody(cost: PasswordCost) -> Result<Self, PasswordError> {
        let hash = PhcHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&cost.params()?).map_err(|_| PasswordError::Fault)?,
            salt: Some(Salt::new(&[0; 16]).map_err(|_| PasswordError::Fault)?),
            hash: Some(Output::new(&[0; OUTPUT_LENGTH]).map_err(|_| PasswordError::Fault)?),
        };
        Ok(Self(hash.to_string()))
    }
}

fn cost_of(hash: &PhcHash) -> Option<PasswordCost> {
    let params = Params::try_from(hash).ok()?;
    PasswordCost::new(params.m_cost(), params.t_cost(), params.p_cost())
}

/// Hashes a verifier for the store. `salt` is fresh random bytes.
///
/// # Errors
/// [`PasswordError::InvalidVerifier`], [`PasswordError::Fault`]
pub fn hash(verifier: &str, salt: [u8; 16], cost: PasswordCost) -> Result<PasswordHash, PasswordError> {
    if verifier.len() != VERIFIER_LENGTH || !verifier.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(PasswordError::InvalidVerifier);
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
    match argon2.hash_password_with_salt(verifier.as_bytes(), &salt) {
        Ok(hash) => Ok(PasswordHash(hash.to_string())),
        Err(_) => Err(PasswordError::Fault),
    }
}

/// Whether `verifier` is the one behind `hash`. Compares in constant time; a fault says no.
pub fn verify(hash: &PasswordHash, verifier: &str) -> bool {
    match PhcHash::new(&hash.0) {
        Ok(hash) => Argon2::default().verify_password(verifier.as_bytes(), &hash).is_ok(),
        Err(_) => false,
    }
}

/// The same work as [`verify`], for a username nobody has: always says no.
///
/// Without it the time of the answer would tell which usernames exist. `cost` is the one in force.
pub fn verify_nobody(cost: PasswordCost, verifier: &str) -> bool {
    if let Ok(nobody) = PasswordHash::of_nobody(cost) {
        black_box(verify(&nobody, verifier));
    }
    false
}

/// What a password stands beside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Factors {
    /// A second factor is always asked for as well.
    WithSecondFactor,
    /// The password alone lets in.
    PasswordOnly,
}

/// Why a new password is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WeakPassword {
    /// Fewer than this many characters.
    TooShort {
        /// The least number of characters.
        min: usize,
    },
    /// More than [`MAX_LENGTH`] characters.
    TooLong,
    /// It is the username, or what stands before the `@` of it.
    IsUsername,
    /// It is the name of this service.
    IsServiceName,
    /// It is one that everybody tries first.
    Common,
}

/// What a password that arrives in clear is hashed as: the same letters are the same password, however the keyboard
/// composes them (NFC).
pub fn normal_form(clear: &str) -> Cow<'_, str> {
    match is_nfc_quick(clear.chars()) {
        IsNormalized::Yes => Cow::Borrowed(clear),
        _ => Cow::Owned(clear.nfc().collect()),
    }
}

/// Judges a new password where it is known in clear, in the form that is hashed. Any characters will do, in any mixture.
///
/// # Errors
/// What is wrong with it.
pub fn check_new(clear: &str, username: &Username, factors: Factors) -> Result<(), WeakPassword> {
    let clear = normal_form(clear);
    let min = match factors {
        Factors::WithSecondFactor => MIN_LENGTH,
        Factors::PasswordOnly => MIN_LENGTH_SINGLE_FACTOR,
    };
    // Counting stops where it is decided: a body may be long.
    let length = clear.chars().take(MAX_LENGTH.saturating_add(1)).count();
    if length < min {
        return Err(WeakPassword::TooShort { min });
    }
    if length > MAX_LENGTH {
        return Err(WeakPassword::TooLong);
    }
    let lower = clear.to_lowercase();
    if [username.as_str(), username.local_part()].contains(&lower.trim()) {
        return Err(WeakPassword::IsUsername);
    }
    if lower.split_whitespace().all(|word| word == SERVICE_NAME) {
        return Err(WeakPassword::IsServiceName);
    }
    if common::is_common(lower.trim()) {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidVerifier => "a password verifier is 64 lower-case hex characters",
            Self::InvalidHash => "the stored password hash cannot be read",
            Self::Fault => "the password could not be hashed",
        })
    }
}

impl std::error::Error for PasswordError {}

impl fmt::Display for WeakPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { min } => write!(f, "must have at least {min} characters"),
            Self::TooLong => write!(f, "must have at most {MAX_LENGTH} characters"),
            Self::IsUsername => f.write_str("must not be the username"),
            Self::IsServiceName => f.write_str("must not be the name of this service"),
            Self::Common => f.write_str("is one that everybody tries first; choose another"),
        }
    }
}

impl std::error::Error for WeakPassword {}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "0b14d501a594442a01c6859541bcb3e8164d183d32937b851835442f69d5c94e";

    fn stored() -> PasswordHash {
        hash(VERIFIER, [7; 16], PasswordCost::TEST).unwrap()
    }

    #[test]
    fn only_the_same_verifier_passes() {
        assert!(verify(&stored(), VERIFIER));
        for other in ["", "x", &VERIFIER.replace('0', "1"), &VERIFIER.to_uppercase(), &format!("{VERIFIER}0")] {
            assert!(!verify(&stored(), other), "{other}");
        }
    }

    #[test]
    fn the_production_cost_is_what_owasp_recommends_and_works() {
        let hash = hash(VERIFIER, [1; 16], PasswordCost::PRODUCTION).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert!(verify(&hash, VERIFIER));
    }

    #[test]
    fn the_salt_makes_equal_passwords_differ() {
        assert_ne!(stored(), hash(VERIFIER, [8; 16], PasswordCost::TEST).unwrap());
    }

    #[test]
    fn only_a_wire_verifier_is_hashed() {
        for text in
            ["", "correct horse battery staple", &VERIFIER.to_uppercase(), &VERIFIER[1..], &format!("{VERIFIER}a")]
        {
            assert_eq!(hash(text, [7; 16], PasswordCost::TEST), Err(PasswordError::InvalidVerifier), "{text}");
        }
    }

    #[test]
    fn nobody_costs_as_much_as_somebody_and_never_passes() {
        let nobody = PasswordHash::of_nobody(PasswordCost::TEST).unwrap();
        let (somebody, nobody) = (stored(), PasswordHash::parse(nobody.expose()).unwrap());
        let cost = |hash: &PasswordHash| cost_of(&PhcHash::new(hash.expose()).unwrap());
        assert_eq!((cost(&nobody), cost(&somebody)), (Some(PasswordCost::TEST), Some(PasswordCost::TEST)));
        assert_eq!(nobody.expose().len(), somebody.expose().len());
        assert!(!verify_nobody(PasswordCost::TEST, VERIFIER));
        assert!(!verify_nobody(PasswordCost::TEST, ""));
    }

    #[test]
    fn a_stored_text_comes_back_and_nothing_else_does() {
        let phc = stored();
        assert_eq!(PasswordHash::parse(phc.expose()), Ok(phc.clone()));
        let text = phc.expose();
        for damaged in [
            "",
            VERIFIER,
            &text.replace("argon2id", "argon2i"),
            &text.replace("v=19", "v=16"),
            &text.replace("m=32", "m=4000000000"),
            &text.replace("t=1", "t=4000000000"),
            text.rsplit_once('$').unwrap().0,
            &text[..text.len() - 9],
        ] {
            assert_eq!(PasswordHash::parse(damaged), Err(PasswordError::InvalidHash), "{damaged}");
        }
    }

    #[test]
    fn costs_out_of_bounds_cannot_be_made() {
        for (memory, passes, lanes) in
            [(7, 1, 1), (32, 0, 1), (32, 1, 0), (32, 1, 5), (1024 * 1024 + 1, 1, 1), (32, 65, 1), (1024, 1, 17)]
        {
            assert_eq!(PasswordCost::new(memory, passes, lanes), None);
        }
        assert_eq!(PasswordCost::new(19 * 1024, 2, 1), Some(PasswordCost::PRODUCTION));
    }

    #[test]
    fn a_hash_does_not_print() {
        assert_eq!(format!("{:?}", stored()), "PasswordHash(..)");
    }

    #[test]
    fn a_new_password_is_judged_by_length_and_by_what_everybody_guesses_only() {
        let user = Username::parse("Alexandra@example.com").unwrap();
        let judge = |clear: &str| check_new(clear, &user, Factors::WithSecondFactor);
        assert_eq!(judge("1234567"), Err(WeakPassword::TooShort { min: 8 }));
        assert_eq!(judge("85217403"), Ok(()));
        for common in ["12345678", "Password", "iloveyou!!"] {
            assert_eq!(judge(common), Err(WeakPassword::Common), "{common}");
        }
        assert_eq!(judge("Bursar bursar"), Err(WeakPassword::IsServiceName));
        assert_eq!(normal_form("gru\u{308}n"), normal_form("gr\u{fc}n"));
        assert_eq!(judge("ääääääää"), Ok(()));
        assert_eq!(
            judge(&"a\u{308}".repeat(4)),
            Err(WeakPassword::TooShort { min: 8 }),
            "four letters, however they are typed"
        );
        assert_eq!(judge(&"a\u{308}".repeat(256)), Ok(()));
        assert_eq!(judge(&"a".repeat(256)), Ok(()));
        assert_eq!(judge(&"a".repeat(257)), Err(WeakPassword::TooLong));
        assert_eq!(judge("ALEXANDRA@Example.com"), Err(WeakPassword::IsUsername));
        assert_eq!(judge("Alexandra"), Err(WeakPassword::IsUsername));
        assert_eq!(judge(" alexandra "), Err(WeakPassword::IsUsername));
        assert_eq!(check_new("fourteen chars", &user, Factors::PasswordOnly), Err(WeakPassword::TooShort { min: 15 }));
    }
}
