//! Texts of others: as people read them, and names as programs do.

use std::borrow::Cow;

/// Whether a character is not seen, or turns around what stands beside it: a name that has one may be shown
/// as another.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Marks, embeddings, overrides and isolates of direction; separators; characters without width.
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The first characters of a text as one line, with a space for each that is hidden.
pub fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|character| if is_hidden(character) { ' ' } else { character }).take(most).collect()
}

/// Where JavaScript looks for what an object does not have itself: under this name somebody may say all others.
pub const PROTOTYPE: &str = "__proto__";

/// The greatest integer of JSON that every reader keeps exactly: many take numbers for doubles, as JavaScript does
/// (RFC 7493, 2.2).
pub const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// A name without the case of its letters, as whoever takes no heed of that reads it. Some become ASCII if their case is changed: a
/// long s, the sign of kelvin, an i without its dot and one that keeps it, two letters in one.
pub fn folded(name: &str) -> Cow<'_, str> {
    match name.is_ascii() {
        true if !name.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Borrowed(name),
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Owned(name.replace('\u{130}', "i").to_uppercase().to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_one_without_the_case_of_their_letters_are_folded_alike() {
        for (name, known) in [
            ("amount", "amount"),
            ("Amount", "amount"),
            ("co\u{17f}t", "cost"),
            ("\u{212a}ey", "key"),
            ("\u{131}d", "id"),
            ("\u{130}D", "id"),
            ("\u{fb01}", "fi"),
            ("GRÖSSE", "größe"),
        ] {
            assert_eq!(folded(name), folded(known), "{name}");
        }
        assert!(matches!(folded("a_b[0]"), Cow::Borrowed("a_b[0]")));
        assert_ne!(folded("amounts"), folded("amount"));
    }

    #[test]
    fn one_line_turns_nothing_around_and_ends() {
        assert_eq!(one_line("no\r\n\u{1b}[2J \u{202e}evil\u{2069}\u{200b}", 100), "no   [2J  evil  ");
        assert_eq!(one_line("Grüße, שלום", 5), "Grüße");
    }
}
