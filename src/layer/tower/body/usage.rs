//! Reads the usage that a body reports, in each format that can be read.

use super::{
    event_stream::{EventStream, Part},
    findings::Ignored,
    format::Format,
    messages::{Messages, Misfit},
};
use crate::layer::usage::{Paths, Reader, ReportedAmount, Usage};

/// Reads the usage that a body reports.
pub(super) struct UsageReader {
    reader: Reader,
    framing: Framing,
}

/// The way in which a body contains its JSON.
enum Framing {
    Events(EventStream),
    Messages(Messages),
    Json,
    /// No more of the body can be read.
    Unknown,
}

impl UsageReader {
    /// Returns `None` if bodies of this format are not read.
    pub(super) fn new(format: Format, paths: &Paths) -> Option<Self> {
        let framing = match format {
            Format::Events => Framing::Events(EventStream::default()),
            Format::Messages => Framing::Messages(Messages::default()),
            Format::Json => Framing::Json,
            Format::Grpc | Format::Encoded | Format::Other => return None,
        };
        let reader = Reader::new(paths);
        Some(Self { reader, framing })
    }

    /// Reads a piece of the body.
    ///
    /// # Errors
    /// [`Ignored`] if a value is not an amount, or if no more of the body can be read.
    pub(super) fn read(&mut self, paths: &Paths, piece: &[u8]) -> Result<(), Ignored> {
        let Self { reader, framing } = self;
        let part = |part: Part<'_>| match part {
            Part::Data(data) => reader.read(paths, data),
            Part::End => reader.begin_again(),
        };
        let problem = match framing {
            Framing::Events(stream) => {
                stream.feed(piece, part);
                None
            }
            Framing::Messages(messages) => messages
                .feed(piece, part)
                .err()
                .map(|Misfit| "it is no event stream of Amazon's"),
            Framing::Json => {
                reader.read(paths, piece);
                reader.is_lost().then_some("it is no JSON, or too deep")
            }
            Framing::Unknown => None,
        };
        if let Some(problem) = problem {
            self.give_up();
            return Err(("malformed", problem));
        }
        match self.reader.take_problem() {
            Some(bad) => Err((bad.label(), bad.reason())),
            None => Ok(()),
        }
    }

    /// Stops reading.
    pub(super) fn give_up(&mut self) {
        self.framing = Framing::Unknown;
    }

    pub(super) fn has_given_up(&self) -> bool {
        matches!(self.framing, Framing::Unknown)
    }

    /// Returns the amount that the body has reported so far.
    pub(super) fn told(&self, usage: &Usage) -> Option<ReportedAmount> {
        usage.told(&self.reader)
    }
}
