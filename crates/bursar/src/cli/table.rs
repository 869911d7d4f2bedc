//! Tables for people: columns as wide as they have to be, nothing else.

use super::output;

/// Draws rows under their titles.
pub(super) fn draw<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let cells = |row: &[String; N]| row.each_ref().map(|cell| output::printable(cell).replace('\n', " "));
    let rows: Vec<[String; N]> = std::iter::once(titles.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// By hand: a width of `format!` has 16 bits, and panics beyond.
fn padded(cell: &str, width: usize) -> String {
    cell.to_owned() + &" ".repeat(width.saturating_sub(cell.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "ein Bär".to_owned()], ["long one".to_owned(), "x\u{1b}[2J".to_owned()]];
        assert_eq!(draw(["ID", "LABEL"], &rows), "ID        LABEL\na         ein Bär\nlong one  x\u{fffd}[2J");
    }

    #[test]
    fn a_cell_of_any_length_is_drawn() {
        let long = "x".repeat(100_000);
        let drawn = draw(["TO", "ID"], &[[long.clone(), "a".to_owned()]]);
        assert_eq!(drawn, format!("TO{}  ID\n{long}  a", " ".repeat(long.len() - 2)));
    }
}
