//! A short difference of two texts, for a test's message.

use std::collections::BTreeMap;

/// Returns the first lines that only one of the texts has, `-` for `before` and `+` for `after`,
/// each below the last heading (`#`) before it, and the number of further lines. A line that was
/// only moved is no difference. If lines were moved and nothing else differs, the result says so.
pub fn difference(before: &str, after: &str, most: usize) -> String {
    let (gone, new) = (surplus(before, after), surplus(after, before));
    let lines: Vec<_> = gone
        .iter()
        .map(|line| format!("-{line}"))
        .chain(new.iter().map(|line| format!("+{line}")))
        .collect();
    if lines.is_empty() {
        return "the same lines in another order".to_owned();
    }
    let mut text = lines
        .iter()
        .take(most)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n");
    if lines.len() > most {
        text.push_str(&format!("\n… and {} more", lines.len() - most));
    }
    text
}

/// Returns the lines of `text` that `other` does not have under the same heading, or has less
/// often.
fn surplus(text: &str, other: &str) -> Vec<String> {
    let mut counts = BTreeMap::<_, usize>::new();
    for line in under_headings(other) {
        *counts.entry(line).or_default() += 1;
    }
    let missing = under_headings(text).filter(|line| match counts.get_mut(line) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    missing
        .filter(|(_, line)| !line.is_empty())
        .map(|(heading, line)| format!(" [{heading}] {line}"))
        .collect()
}

fn under_headings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().scan("", |heading, line| {
        if let Some(title) = line.strip_prefix("## ") {
            *heading = title;
        }
        Some((*heading, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_on_both_sides() {
        let (before, after) = ("## a\nfn one()\nfn two()\n", "## a\nfn one(u8)\nfn two()\n");
        assert_eq!(
            difference(before, after, 9),
            "- [a] fn one()\n+ [a] fn one(u8)"
        );
        assert_eq!(difference(before, after, 1), "- [a] fn one()\n… and 1 more");
        assert_eq!(
            difference("a\nb", "b\na", 9),
            "the same lines in another order"
        );
    }
}
