//! What a rail remembers, so that a crash between two of its steps loses neither.

use bursar_core::secret::Secret;

use super::{Answer, RailError};

/// What a rail keeps in the ledger's store: small notes of its own, durable before it acts on them.
pub trait Memory: Send + Sync {
    /// A note with its version.
    ///
    /// # Errors
    /// The store does not answer.
    fn read(&self, name: &str) -> Result<Option<Note>, RailError>;

    /// A note that is kept sealed.
    ///
    /// # Errors
    /// The store does not answer, or the note was sealed with another key.
    fn read_secret(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, RailError>;

    /// Keeps notes together, each provided that its version is still this (0: there is none yet); without a body it is
    /// let go of. Durable once answered; `false` if one of the versions is another.
    fn write<'a>(&'a self, notes: Vec<NewNote>) -> Answer<'a, Result<bool, RailError>>;

    /// Keeps a note with the settlement of the spend that is being sent, whatever was kept under its name: another commit
    /// of its own would make each spend a third dearer. Durable when the spend is answered.
    fn write_with_outcome(&self, name: &str, body: Vec<u8>);

    /// Keeps a note sealed; `false` if there is one of that name already.
    fn write_secret<'a>(&'a self, name: &'a str, body: Secret<Vec<u8>>) -> Answer<'a, Result<bool, RailError>>;
}

/// A note as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Its version.
    pub version: u64,
    /// What it says.
    pub body: Vec<u8>,
}

/// A note to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNote {
    /// Its name among the rail's.
    pub name: String,
    /// The version that it takes the place of.
    pub version: u64,
    /// What it says; nothing to let go of it.
    pub body: Option<Vec<u8>>,
}
