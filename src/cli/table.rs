//! Aligned columns of plain text.

use std::fmt::Write as _;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// Rows below each other, two blanks between columns, none at the end of a line.
pub(super) fn aligned<const N: usize>(columns: [Align; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut table = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), align) in row.iter().zip(&widths).zip(columns) {
            // Writing into a string cannot fail.
            let _ = match align {
                Align::Left => write!(line, "  {cell:<width$}"),
                Align::Right => write!(line, "  {cell:>width$}"),
            };
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_text() {
        let rows = [
            ["plan".to_owned(), "credits".to_owned(), "é".to_owned()],
            ["Free".to_owned(), "1".to_owned(), String::new()],
        ];
        let table = aligned([Align::Left, Align::Right, Align::Left], &rows);
        assert_eq!(table, "  plan  credits  é\n  Free        1\n");
    }
}
