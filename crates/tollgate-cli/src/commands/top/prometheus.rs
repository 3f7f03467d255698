//! Reads the text format of Prometheus.

use std::collections::BTreeMap;

/// One value of a metric.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Returns `true` if a page begins as the format does: with a comment, or the name of a metric. An
/// empty page has no metrics yet.
pub(super) fn is_text(page: &str) -> bool {
    let first = page.trim_start().chars().next();
    first.is_none_or(|first| first.is_ascii_alphabetic() || "#_:".contains(first))
}

/// Returns the values of a metric. Lines that cannot be read are left out.
pub(super) fn samples<'a>(text: &'a str, metric: &'a str) -> impl Iterator<Item = Sample> + 'a {
    text.lines()
        .filter_map(move |line| sample(line.trim(), metric))
}

fn sample(line: &str, metric: &str) -> Option<Sample> {
    let rest = line.strip_prefix(metric)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None if rest.starts_with([' ', '\t']) => (BTreeMap::new(), rest),
        // Another metric, whose name is longer.
        None => return None,
    };
    // A time may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { labels, value })
}

/// Reads labels up to the closing brace. Returns the rest after it.
fn labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches([' ', ',']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.insert(name.trim().to_owned(), value);
        text = rest;
    }
}

/// Reads a value up to its closing quote. Returns the rest after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Vec<(String, String)>, f64)> {
        let read = samples(text, "hits");
        read.map(|sample| (sample.labels.into_iter().collect(), sample.value))
            .collect()
    }

    #[test]
    fn labels_are_read_with_their_escapes() {
        let text = "# TYPE hits counter\nhits{a=\"x}\\\"y\",b=\"c\\\\d\\n\",} 3.5 1700000000\n";
        let labels = [("a", "x}\"y"), ("b", "c\\d\n")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text), [(labels.to_vec(), 3.5)]);
    }

    #[test]
    fn other_metrics_and_broken_lines_are_left_out() {
        let text =
            "hits_total 5\nhits 1\nhits{} 2\nhits{a=\"b} 3\nhits{a} 4\nhits x\nhits\n\nmisses 6\n";
        assert_eq!(read(text), [(vec![], 1.0), (vec![], 2.0)]);
    }
}
