//! A rail's memory for tests: notes in this process, with versions as the store has them.

use std::collections::HashMap;
use std::sync::Mutex;

use bursar_core::secret::Secret;
use bursar_service::rail::{Answer, Memory, NewNote, Note, RailError};

#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<HashMap<String, Note>>);

impl Notes {
    fn keep(&self, notes: Vec<NewNote>) -> bool {
        let mut kept = self.0.lock().unwrap();
        let version = |kept: &HashMap<String, Note>, name: &str| kept.get(name).map_or(0, |note| note.version);
        if notes.iter().any(|new| version(&kept, &new.name) != new.version) {
            return false;
        }
        for NewNote { name, version, body } in notes {
            match body {
                Some(body) => kept.insert(name, Note { version: version + 1, body }),
                None => kept.remove(&name),
            };
        }
        true
    }
}

impl Memory for Notes {
    fn read(&self, name: &str) -> Result<Option<Note>, RailError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn read_secret(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, RailError> {
        Ok(self.read(name)?.map(|note| Secret::new(note.body)))
    }

    fn write<'a>(&'a self, notes: Vec<NewNote>) -> Answer<'a, Result<bool, RailError>> {
        Box::pin(async move { Ok(self.keep(notes)) })
    }

    fn write_with_outcome(&self, name: &str, body: Vec<u8>) {
        let mut kept = self.0.lock().unwrap();
        let version = kept.get(name).map_or(0, |note| note.version);
        kept.insert(name.to_owned(), Note { version: version + 1, body });
    }

    fn write_secret<'a>(&'a self, name: &'a str, body: Secret<Vec<u8>>) -> Answer<'a, Result<bool, RailError>> {
        let note = NewNote { name: name.to_owned(), version: 0, body: Some(body.expose().clone()) };
        Box::pin(async move { Ok(self.keep(vec![note])) })
    }
}
