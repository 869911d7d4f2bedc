//! The fixed one-time passwords of the test environment (SECURITY.md).
//!
//! They must never count in production nor for a user whom the test environment did not seed itself:
//! hence both a value that only the test environment makes, and the user's origin, are asked for.

/// The codes the test environment accepts: six zeros, and seven as BitGo's does (WC §3.1).
pub const CODES: [&str; 2] = ["000000", "0000000"];

/// Where an account comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Made by the test environment at its start.
    Seeded,
    /// Made by a person: has a second factor of its own.
    Enrolled,
}

/// Evidence that this server runs as the test environment; made once, where the server is wired.
#[derive(Clone, Copy, Debug)]
pub struct FixedOtp(());

impl FixedOtp {
    /// Only the wiring of the test environment may call this.
    pub const fn for_test_environment() -> Self {
        Self(())
    }

    /// Whether `code` is one of the fixed codes and the account is a seeded one. Reuse is allowed.
    pub fn accepts(self, origin: Origin, code: &str) -> bool {
        origin == Origin::Seeded && CODES.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_codes_count_for_seeded_users_only() {
        let fixed = FixedOtp::for_test_environment();
        for code in CODES {
            assert!(fixed.accepts(Origin::Seeded, code));
            assert!(!fixed.accepts(Origin::Enrolled, code));
        }
    }

    #[test]
    fn nothing_near_a_fixed_code_counts() {
        let fixed = FixedOtp::for_test_environment();
        for code in ["", "00000", "00000000", "000001", " 000000", "000000\n"] {
            assert!(!fixed.accepts(Origin::Seeded, code), "{code:?}");
        }
    }
}
