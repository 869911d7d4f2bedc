//! What rails keep in the ledger's store: nonces, signed transactions, keys. One process, or one of several, writes a
//! note only if it still is as it was read, so two never take the same nonce.

use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::ambient::Random;
use bursar_core::audit::Actor;
use bursar_core::id::UserId;
use bursar_core::ledger::{Command, Document, DocumentKey, DocumentKind, Key, Outcome, Record, Request, Write};
use bursar_core::secret::Secret;
use bursar_ledger::Ledger;
use bursar_store::seal::{Place, Sealer};

use crate::rail::{Answer, Memory, NewNote, Note, RailError};
use crate::reads::Reads;

/// The notes of one rail.
#[derive(Clone)]
pub(crate) struct RailMemory {
    pub(crate) rail: Arc<str>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reads: Reads,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) random: Arc<dyn Random>,
    /// What is written with the settlement of the spend this is the memory for.
    pub(crate) with_outcome: Arc<Mutex<Vec<Record>>>,
}

/// Where a note of a rail is kept.
pub(crate) fn note_key(rail: &str, name: &str) -> DocumentKey {
    DocumentKey { user: UserId::from_bytes([0; 16]), kind: DocumentKind::Rail, name: format!("{rail}/{name}") }
}

impl RailMemory {
    fn key(&self, name: &str) -> DocumentKey {
        note_key(&self.rail, name)
    }

    async fn keep(&self, notes: Vec<NewNote>) -> Result<bool, RailError> {
        if notes.is_empty() {
            return Ok(true);
        }
        let mut write = Write::default();
        for NewNote { name, version, body } in notes {
            let key = self.key(&name);
            write.read.push((Key::Document(key.clone()), version));
            match body {
                Some(body) => write.put.push(Record::Document(key, Document { title: None, body })),
                None => write.delete.push(Key::Document(key)),
            }
        }
        let request = Request { actor: Actor::System, command: Command::Write(write) };
        match self.ledger.submit(request).await {
            Ok(Outcome::Written) => Ok(true),
            Ok(_) => Ok(false),
            Err(error) => Err(RailError::Unavailable(error.to_string())),
        }
    }

    /// Takes what waits for the settlement, as a command that is to be given before it.
    pub(crate) fn take_waiting(&self) -> Option<Request> {
        let put = std::mem::take(&mut *self.with_outcome.lock().unwrap_or_else(PoisonError::into_inner));
        let write = |put| Request { actor: Actor::System, command: Command::Write(Write { put, ..Write::default() }) };
        (!put.is_empty()).then(|| write(put))
    }
}

fn place(key: &DocumentKey) -> Place<'_> {
    Place { table: "documents", column: "body", row: key.name.as_bytes() }
}

impl Memory for RailMemory {
    fn read(&self, name: &str) -> Result<Option<Note>, RailError> {
        let key = self.key(name);
        let found = self.reads.look_up(|reader| reader.document(&key));
        let found = found.map_err(|error| RailError::Unavailable(error.to_string()))?;
        Ok(found.map(|found| Note { version: found.version, body: found.value.body }))
    }

    fn read_secret(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, RailError> {
        let Some(note) = self.read(name)? else { return Ok(None) };
        let opened = self.sealer.open(place(&self.key(name)), &note.body);
        opened.map(Some).map_err(|_| RailError::Unavailable(format!("the sealed note `{name}` does not open")))
    }

    fn write<'a>(&'a self, notes: Vec<NewNote>) -> Answer<'a, Result<bool, RailError>> {
        Box::pin(self.keep(notes))
    }

    fn write_with_outcome(&self, name: &str, body: Vec<u8>) {
        let record = Record::Document(self.key(name), Document { title: None, body });
        self.with_outcome.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    fn write_secret<'a>(&'a self, name: &'a str, body: Secret<Vec<u8>>) -> Answer<'a, Result<bool, RailError>> {
        Box::pin(async move {
            let key = self.key(name);
            let sealed = self.sealer.seal(place(&key), body.expose(), self.random.bytes());
            let sealed = sealed.map_err(|_| RailError::Unavailable("a note could not be sealed".to_owned()))?;
            self.keep(vec![NewNote { name: name.to_owned(), version: 0, body: Some(sealed) }]).await
        })
    }
}
