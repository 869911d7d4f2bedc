//! What the log has been told already: a spend under way is asked after every second, and mostly answered the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Of how many things it is remembered what was said; above that it is said once more.
const REMEMBERED: usize = 1024;

/// What was said last of each thing.
#[derive(Default)]
pub(crate) struct Said(Mutex<HashMap<String, String>>);

impl Said {
    /// Whether this was not what was said last of a thing; it is from now on.
    pub(crate) fn is_new(&self, of: &str, words: &str) -> bool {
        // A map is sound at every moment.
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(of).is_some_and(|last| last == words) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(of.to_owned(), words.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_of_a_thing_are_new_once_and_other_words_are_new_again() {
        let said = Said::default();
        let told = [("a", "low"), ("a", "low"), ("b", "low"), ("a", "high"), ("a", "low")];
        assert_eq!(told.map(|(of, words)| said.is_new(of, words)), [true, false, true, true, true]);
        for number in 0..5000 {
            assert!(said.is_new(&number.to_string(), "low"));
        }
        assert!(said.0.lock().unwrap().len() <= REMEMBERED);
    }
}
