//! The log of a worker: one line for each event, so that a killed process loses at most the line
//! that it was writing.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    str::FromStr,
};

use super::time;

/// An event of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of the request.
    pub(super) request: u64,
    /// The time of the event: true epoch µs.
    pub(super) at: i64,
    pub(super) kind: Kind,
}

/// The kind of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request was made.
    Asked,
    /// The request was granted. Contains the remaining tokens, if they are known.
    Granted { left: Option<i64> },
    /// The request was denied. Contains the remaining tokens and the time to wait, ms.
    Denied {
        left: Option<i64>,
        retry: Option<u64>,
    },
    /// The request got no decision. Contains a word for the error.
    Failed { why: String },
    /// A lease was settled that used `difference` tokens more than its cost. The settlement is not
    /// written yet.
    Owed { difference: i64 },
    /// The settlement was written.
    Settled,
    /// The limiter believes that the settlement was not written.
    Lost,
    /// The worker has ended normally.
    Ended,
}

/// An append-only file. Each entry is one `write(2)`.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
}

impl Log {
    pub(super) fn create(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self {
            file: file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display())),
        }
    }

    /// Appends an event that happens now.
    pub(super) fn note(&self, request: u64, kind: Kind) {
        let line = format!(
            "{}\n",
            Entry {
                request,
                at: time::now(),
                kind
            }
        );
        (&self.file)
            .write_all(line.as_bytes())
            .unwrap_or_else(|error| panic!("the log takes no line: {error}"));
    }
}

/// Reads a log. An unfinished line is left out.
pub(super) fn read(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    lines
        .map(|line| {
            line.parse()
                .unwrap_or_else(|()| panic!("{} has the line {line:?}", path.display()))
        })
        .collect()
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.request, self.at)?;
        match &self.kind {
            Kind::Asked => write!(f, "asked"),
            Kind::Granted { left } => write!(f, "granted {}", or_dash(left)),
            Kind::Denied { left, retry } => {
                write!(f, "denied {} {}", or_dash(left), or_dash(retry))
            }
            Kind::Failed { why } => write!(f, "failed {why}"),
            Kind::Owed { difference } => write!(f, "owed {difference}"),
            Kind::Settled => write!(f, "settled"),
            Kind::Lost => write!(f, "lost"),
            Kind::Ended => write!(f, "ended"),
        }
    }
}

fn or_dash(value: &Option<impl ToString>) -> String {
    value
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string)
}

impl FromStr for Entry {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(());
        let (request, at) = (number(word()?)?, number(word()?)?);
        let kind = match word()? {
            "asked" => Kind::Asked,
            "granted" => Kind::Granted {
                left: optional(word()?)?,
            },
            "denied" => Kind::Denied {
                left: optional(word()?)?,
                retry: optional(word()?)?,
            },
            "failed" => Kind::Failed {
                why: word()?.to_owned(),
            },
            "owed" => Kind::Owed {
                difference: number(word()?)?,
            },
            "settled" => Kind::Settled,
            "lost" => Kind::Lost,
            "ended" => Kind::Ended,
            _ => return Err(()),
        };
        Ok(Self { request, at, kind })
    }
}

fn number<N: FromStr>(word: &str) -> Result<N, ()> {
    word.parse().map_err(|_| ())
}

fn optional<N: FromStr>(word: &str) -> Result<Option<N>, ()> {
    if word == "-" {
        Ok(None)
    } else {
        number(word).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let kinds = [
            Kind::Asked,
            Kind::Granted { left: Some(-4) },
            Kind::Granted { left: None },
            Kind::Denied {
                left: Some(3),
                retry: None,
            },
            Kind::Failed {
                why: "contended".to_owned(),
            },
            Kind::Owed { difference: -5 },
            Kind::Settled,
            Kind::Lost,
            Kind::Ended,
        ];
        for kind in kinds {
            let entry = Entry {
                request: 7,
                at: 1_700_000_000_000_000,
                kind,
            };
            assert_eq!(entry.to_string().parse(), Ok(entry));
        }
        assert_eq!("7 17".parse::<Entry>(), Err(()));
    }
}
