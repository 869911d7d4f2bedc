//! Who somebody is: accounts, the password check, one-time passwords, recovery codes, step-up, and
//! how often anybody may guess.
//!
//! Pure: records, random bytes and the time come in, verdicts and changed records go out. Nothing
//! here reads a clock, draws randomness, waits, or stores anything. No secret may show in a `Debug`
//! text, and no comparison of secrets may take a time that depends on them.
//!
//! To add a kind of second factor: a module of its own with its secret, its verdict and a `verify`
//! that takes the time; a variant of [`step_up::Via`]; failures go through [`attempts`].

pub mod address;
pub mod attempts;
pub mod fixed_otp;
pub mod link;
pub mod password;
pub mod rate;
pub mod recovery;
pub mod step_up;
pub mod totp;
pub mod username;
