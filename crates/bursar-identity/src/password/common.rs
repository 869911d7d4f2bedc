//! Passwords that everybody tries first.
//!
//! The list has what is long enough to be asked about, in lower case and in the order of its bytes: of the 19 640 most
//! common passwords that Django ships, which Royce Williams counted in published breaches, those of 8 or more
//! characters (ADR 0013).

use std::sync::LazyLock;

static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// Whether a password, in lower case, is on the list, also with digits or marks behind it that people add when a rule
/// asks for some.
pub(super) fn is_common(lower: &str) -> bool {
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    let is_listed = |text: &str| COMMON.binary_search(&text).is_ok();
    is_listed(lower) || is_listed(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_has_nothing_that_is_too_short_anyway() {
        assert!(COMMON.len() > 8_000, "{}", COMMON.len());
        assert!(COMMON.is_sorted() && COMMON.iter().all(|word| word.len() >= crate::password::MIN_LENGTH));
        assert!(COMMON.iter().all(|word| *word == word.to_lowercase()));
    }

    #[test]
    fn what_everybody_tries_is_common_and_what_nobody_does_is_not() {
        for word in ["password", "iloveyou", "12345678", "qwertyuiop", "password2026!", "sunshine99"] {
            assert!(is_common(word), "{word}");
        }
        for word in ["correct horse battery staple", "tulpenzwiebel am kanal", ""] {
            assert!(!is_common(word), "{word}");
        }
    }
}
