//! Texts of others, for people.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_turns_nothing_around_and_ends() {
        assert_eq!(one_line("no\r\n\u{1b}[2J \u{202e}evil\u{2069}\u{200b}", 100), "no   [2J  evil  ");
        assert_eq!(one_line("Grüße, שלום", 5), "Grüße");
    }
}
