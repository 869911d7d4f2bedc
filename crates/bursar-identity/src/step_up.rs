//! What a second factor can be. What one is good for is decided where it is shown.

/// The kind of second factor behind a step-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// A code of a TOTP device.
    Otp,
    /// A recovery code.
    Recovery,
    /// The fixed code of the test environment.
    Fixed,
    /// A passkey whose owner unlocked it.
    Passkey,
}
