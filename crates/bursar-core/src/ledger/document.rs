//! Records that the core keeps in order but does not read: their meaning belongs to other crates.

use crate::id::{FactorId, UserId};
use crate::time::Timestamp;

/// What a user proves with who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// The credential's id.
    pub id: FactorId,
    /// Whose it is.
    pub user: UserId,
    /// What it is.
    pub kind: CredentialKind,
    /// The name its owner gave it.
    pub label: String,
    /// The secret part, sealed: a password hash, a TOTP secret.
    pub sealed: Vec<u8>,
    /// The part that changes with use: the last TOTP step, which recovery codes are spent.
    pub progress: Vec<u8>,
    /// When it was enrolled.
    pub created: Timestamp,
    /// When it last proved something.
    pub last_used: Option<Timestamp>,
}

/// The kinds of credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CredentialKind {
    /// The password's verifier under Argon2id.
    Password,
    /// A device that shows time-based one-time passwords.
    Totp,
    /// A set of recovery codes.
    RecoveryCodes,
    /// A key pair of an authenticator (WebAuthn); its public half, and what it last counted to.
    Passkey,
}

/// Names a document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DocumentKey {
    /// Whose it is.
    pub user: UserId,
    /// What it is.
    pub kind: DocumentKind,
    /// Its name among the user's documents of this kind; empty where there is only one.
    pub name: String,
}

/// The kinds of document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DocumentKind {
    /// Client settings, a JSON object (WC §1.5).
    Settings,
    /// An encrypted private key that a client keeps here, by its public key (WC §1.5).
    Keychain,
    /// An access-token template, by its id (WC §1.4).
    Template,
    /// Failed proofs of identity.
    Attempts,
    /// Links by which a new password may be set.
    ResetLinks,
    /// The link by which an address is shown to be the user's.
    AddressLink,
    /// How far into the future signatures were accepted; nobody's in particular.
    ReplayHorizon,
    /// What was made under an idempotency key, by that key: its id, since its secret is never shown twice.
    Created,
    /// What a rail keeps for itself, by the rail's name and its own for it; nobody's in particular.
    Rail,
    /// What a rail shows its other end, sealed, by the rail's name and the key of its section; nobody's in particular.
    RailCredential,
    /// That an organisation may register a wallet of a rail's node, by the rail's name and its reference; nobody's in
    /// particular.
    AllowedWallet,
    /// Up to which end of tokens their owners were told; nobody's in particular.
    ExpiryHorizon,
}

/// A user's document; its body is read by the crate that wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// A second name that is unique among the user's documents of this kind, if it has one.
    pub title: Option<String>,
    /// The content.
    pub body: Vec<u8>,
}

impl CredentialKind {
    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCodes => "recovery_codes",
            Self::Passkey => "passkey",
        }
    }
}

impl DocumentKind {
    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Keychain => "keychain",
            Self::Template => "template",
            Self::Attempts => "attempts",
            Self::ResetLinks => "reset_links",
            Self::AddressLink => "address_link",
            Self::ReplayHorizon => "replay_horizon",
            Self::Created => "created",
            Self::Rail => "rail",
            Self::RailCredential => "rail_credential",
            Self::AllowedWallet => "allowed_wallet",
            Self::ExpiryHorizon => "expiry_horizon",
        }
    }
}
