//! The widths of columns, and cells that are longer.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The narrowest column to which a wider one is cut.
const NARROWEST: usize = 8;

/// Returns the width of a text on a terminal.
pub(super) fn width_of(text: &str) -> usize {
    text.width()
}

/// Returns the widths of columns that want `wanted`, so that a line of a table with `room` columns of
/// a terminal holds them all. The widest columns are cut. `None` if even that is not enough.
pub(super) fn fitted(wanted: Vec<usize>, room: Option<usize>) -> Option<Vec<usize>> {
    let Some(room) = room else {
        return Some(wanted);
    };
    // `| cell | cell |`
    let borders = 3 * wanted.len() + 1;
    let widest = wanted.iter().copied().max().unwrap_or(0);
    let fits = |most: usize| {
        let cells: usize = wanted.iter().map(|&width| width.min(most)).sum();
        cells + borders <= room
    };
    if fits(widest) {
        return Some(wanted);
    }
    let most = (NARROWEST..widest).rev().find(|&most| fits(most))?;
    Some(wanted.iter().map(|&width| width.min(most)).collect())
}

/// Cuts a text into lines of at most `width`, after a blank if there is one. Returns at least one
/// line.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while width_of(rest) > width {
        let end = end_of_line(rest, width.max(1));
        let (line, next) = rest.split_at(end);
        lines.push(line.trim_end());
        rest = next.trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Returns the position at which the first line of a text ends.
fn end_of_line(text: &str, width: usize) -> usize {
    let (mut used, mut after_blank) = (0, None);
    for (position, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        let is_blank = character == ' ';
        if used > width && position > 0 {
            let end = if is_blank { None } else { after_blank };
            return end.unwrap_or(position);
        }
        if is_blank {
            after_blank = Some(position + 1);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_are_cut() {
        assert_eq!(fitted(vec![4, 30], None), Some(vec![4, 30]));
        assert_eq!(fitted(vec![4, 30], Some(41)), Some(vec![4, 30]));
        assert_eq!(fitted(vec![4, 30], Some(40)), Some(vec![4, 29]));
        assert_eq!(fitted(vec![40, 4, 20], Some(40)), Some(vec![13, 4, 13]));
        assert_eq!(fitted(vec![20; 5], Some(40)), None);
    }

    #[test]
    fn a_long_text_is_cut_after_a_blank_or_anywhere() {
        assert_eq!(wrapped("abc", 5), ["abc"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("ab cd efghijkl", 5), ["ab cd", "efghi", "jkl"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("日", 1), ["日"], "a width that nothing fits");
    }
}
