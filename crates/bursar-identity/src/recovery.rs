//! Recovery codes: ten of them, for whoever lost the authenticator; each passes once.
//!
//! A code has 80 random bits, so nobody can try them all and a fast hash is right: SHA-256 with a
//! prefix of its own. A slow one, as for passwords, would only make the check of ten expensive. The
//! codes themselves are shown once and must never be stored.

use bursar_core::secret::Secret;
use bursar_core::time::Timestamp;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// Codes in a set.
pub const CODES: usize = 10;
/// Random bytes of a code: 80 bits.
pub const CODE_BYTES: usize = 10;
/// Random bytes of a whole set.
pub const SET_BYTES: usize = CODES * CODE_BYTES;

const DOMAIN: &[u8] = b"bursar recovery code v1\0";
const GROUP: usize = 4;

/// A recovery code in clear, such as `k3m9-7qxz-0a1b-c2d3`. It does not print and is wiped when dropped.
#[derive(Clone, Debug)]
pub struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    fn new(bytes: &[u8]) -> Self {
        let mut text = base32::encode(base32::Alphabet::Crockford, bytes).to_ascii_lowercase();
        for at in [3 * GROUP, 2 * GROUP, GROUP] {
            text.insert(at, '-');
        }
        Self(Secret::new(text))
    }

    /// The text, to be shown once to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Whether a code still passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeState {
    /// It passes once.
    Unused,
    /// It passed.
    Used {
        /// When.
        at: Timestamp,
    },
}

/// What is stored of a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCode {
    /// SHA-256 of the code, with a prefix.
    pub hash: [u8; 32],
    /// Whether it still passes.
    pub state: CodeState,
}

/// What is stored of a user's recovery codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoverySet([StoredCode; CODES]);

/// What a presented recovery code is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryVerdict {
    /// Right; it is used up now.
    Accepted {
        /// How many unused codes are left.
        left: usize,
    },
    /// Right, but it passed before.
    AlreadyUsed {
        /// When.
        at: Timestamp,
    },
    /// None of this set.
    Wrong,
    /// Not a recovery code at all.
    Malformed,
}

/// Makes ten codes of random bytes: the texts for their owner, and the set for the store.
pub fn issue(random: &[u8; SET_BYTES]) -> ([RecoveryCode; CODES], RecoverySet) {
    let (codes, _) = random.as_chunks::<CODE_BYTES>();
    let code = |n: usize| codes.get(n).copied().unwrap_or_default();
    let texts = std::array::from_fn(|n| RecoveryCode::new(&code(n)));
    let stored = std::array::from_fn(|n| StoredCode { hash: hash(&code(n)), state: CodeState::Unused });
    (texts, RecoverySet(stored))
}

/// Whether a text has the form of a recovery code, so that it is not taken for an OTP.
pub fn is_code(text: &str) -> bool {
    decode(text).is_some()
}

impl RecoverySet {
    /// Takes back a stored set.
    pub const fn from_stored(codes: [StoredCode; CODES]) -> Self {
        Self(codes)
    }

    /// What is stored of each code, in the order of issue.
    pub const fn codes(&self) -> &[StoredCode; CODES] {
        &self.0
    }

    /// How many codes still pass.
    pub fn left(&self) -> usize {
        self.0.iter().filter(|code| code.state == CodeState::Unused).count()
    }

    /// Uses a code up. The set must be stored before anything is done with the verdict.
    ///
    /// Case, dashes and spaces do not matter, nor does `o` for `0` or `i` and `l` for `1`. All ten are
    /// compared, in constant time.
    pub fn redeem(&mut self, text: &str, now: Timestamp) -> RecoveryVerdict {
        let Some(bytes) = decode(text) else {
            return RecoveryVerdict::Malformed;
        };
        let presented = hash(&bytes);
        let mut found = u64::MAX;
        for (place, code) in (0..).zip(&self.0) {
            found.conditional_assign(&place, code.hash.ct_eq(&presented));
        }
        let Some(code) = usize::try_from(found).ok().and_then(|place| self.0.get_mut(place)) else {
            return RecoveryVerdict::Wrong;
        };
        match code.state {
            CodeState::Used { at } => RecoveryVerdict::AlreadyUsed { at },
            CodeState::Unused => {
                code.state = CodeState::Used { at: now };
                RecoveryVerdict::Accepted { left: self.left() }
            }
        }
    }
}

fn hash(code: &[u8; CODE_BYTES]) -> [u8; 32] {
    Sha256::new().chain_update(DOMAIN).chain_update(code).finalize().into()
}

fn decode(text: &str) -> Option<[u8; CODE_BYTES]> {
    // Sixteen characters and what people put between them; anything longer is no code.
    if text.len() > 64 {
        return None;
    }
    let plain: Secret<String> = Secret::new(text.chars().filter(|c| !matches!(c, '-' | ' ')).collect());
    if plain.expose().len() != 4 * GROUP {
        return None;
    }
    base32::decode(base32::Alphabet::Crockford, plain.expose())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn random() -> [u8; SET_BYTES] {
        std::array::from_fn(|n| u8::try_from(n).unwrap().wrapping_mul(37).wrapping_add(11))
    }

    #[test]
    fn codes_are_ten_different_readable_texts() {
        let (codes, set) = issue(&random());
        assert_eq!(codes[0].expose(), "1cr5-aymz-rkmg-wctr");
        for (n, code) in codes.iter().enumerate() {
            assert!(is_code(code.expose()));
            assert!(codes.iter().skip(n + 1).all(|other| other.expose() != code.expose()));
        }
        assert_eq!(set.left(), 10);
        assert_eq!(format!("{:?}", codes[0]), "RecoveryCode(Secret(..))");
    }

    #[test]
    fn each_code_passes_once() {
        let (codes, mut set) = issue(&random());
        for (n, code) in codes.iter().enumerate() {
            assert_eq!(set.redeem(code.expose(), NOW), RecoveryVerdict::Accepted { left: 9 - n });
            assert_eq!(set.redeem(code.expose(), Timestamp::default()), RecoveryVerdict::AlreadyUsed { at: NOW });
        }
        assert_eq!(set.left(), 0);
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let (codes, set) = issue(&random());
        let code = codes[0].expose();
        for typed in [
            code.to_uppercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            format!(" {code} "),
            code.replace('1', "l"),
            code.replace('1', "I"),
        ] {
            assert_eq!(set.clone().redeem(&typed, NOW), RecoveryVerdict::Accepted { left: 9 }, "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_malformed_and_what_is_not_ours_is_wrong() {
        let (_, mut set) = issue(&random());
        for text in [
            "",
            "000000",
            "0000000",
            "1cr5-aymz-rkmg-wct",
            "1cr5-aymz-rkmg-wctrr",
            "1cr5-aymz-rkmg-wctu",
            "1crn-dsxw-4dmp-mmé",
            &"-".repeat(65),
        ] {
            assert_eq!(set.redeem(text, NOW), RecoveryVerdict::Malformed, "{text}");
        }
        assert_eq!(set.redeem("0000-0000-0000-0000", NOW), RecoveryVerdict::Wrong);
        assert_eq!(set.left(), 10);
    }

    #[test]
    fn a_stored_set_comes_back_as_it_was() {
        let (codes, mut set) = issue(&random());
        set.redeem(codes[3].expose(), NOW);
        assert_eq!(RecoverySet::from_stored(set.codes().clone()), set);
        assert_eq!(set.codes()[3].state, CodeState::Used { at: NOW });
    }

    #[test]
    fn a_hash_is_not_the_plain_hash_of_the_bytes() {
        let plain: [u8; 32] = Sha256::digest([5; CODE_BYTES]).into();
        assert_ne!(hash(&[5; CODE_BYTES]), plain);
    }

    proptest! {
        #[test]
        fn any_text_gets_a_verdict_and_only_a_code_is_accepted(text in any::<String>()) {
            let (_, mut set) = issue(&random());
            let verdict = set.redeem(&text, NOW);
            prop_assert_eq!(verdict == RecoveryVerdict::Malformed, !is_code(&text));
            let used = matches!(verdict, RecoveryVerdict::AlreadyUsed { .. });
            prop_assert!(!used);
        }

        #[test]
        fn every_issued_code_passes(bytes in prop::collection::vec(any::<u8>(), SET_BYTES)) {
            let (codes, set) = issue(&bytes.try_into().unwrap());
            for code in &codes {
                let passes = matches!(set.clone().redeem(code.expose(), NOW), RecoveryVerdict::Accepted { .. });
                prop_assert!(passes);
            }
        }
    }
}
