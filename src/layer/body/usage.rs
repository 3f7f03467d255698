//! The usage that a body says, in each format that is read.

use super::{
    event_stream::Part,
    format::Format,
    messages::{Messages, Misfit},
};
use crate::layer::{
    settle::BadAmount,
    usage::{Paths, Reader, Told, Usage},
};

/// Reads the usage that a body says.
pub(super) struct UsageReader {
    reader: Reader,
    messages: Messages,
}

impl UsageReader {
    /// `None` if bodies of this format are not read.
    pub(super) fn new(format: Format, paths: &Paths) -> Option<Self> {
        format.is_read().then(|| Self { reader: Reader::new(paths), messages: Messages::default() })
    }

    /// Reads a part of a stream of documents.
    pub(super) fn read_part(&mut self, paths: &Paths, part: Part<'_>) {
        match part {
            Part::Data(data) => self.reader.read(paths, data),
            Part::End => self.reader.begin_again(),
        }
    }

    /// Reads a piece of a body that is no event stream.
    ///
    /// # Errors
    /// Why no more of it can be read.
    pub(super) fn read_piece(&mut self, format: Format, paths: &Paths, piece: &[u8]) -> Result<(), &'static str> {
        match format {
            Format::Json => {
                self.reader.read(paths, piece);
                if self.reader.is_lost() { Err("it is no JSON, or too deep") } else { Ok(()) }
            }
            Format::Messages => {
                let Self { reader, messages } = self;
                let read = messages.feed(piece, |part| match part {
                    Part::Data(data) => reader.read(paths, data),
                    Part::End => reader.begin_again(),
                });
                read.map_err(|Misfit| "it is no event stream of Amazon's")
            }
            _ => Ok(()),
        }
    }

    /// Returns `true` if a number has come since this was asked last.
    pub(super) fn take_news(&mut self) -> bool {
        self.reader.take_news()
    }

    /// The amount that the body has told so far.
    pub(super) fn told(&self, usage: &Usage) -> Option<Told> {
        usage.told(&self.reader)
    }

    /// The first number that was none. It is told once.
    pub(super) fn take_problem(&mut self) -> Option<BadAmount> {
        self.reader.take_problem()
    }
}
