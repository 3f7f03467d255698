//! The usage that a body reports, in each format that can be read.

use super::{
    event_stream::Part,
    format::Format,
    messages::{Messages, Misfit},
};
use crate::layer::{
    settle::BadAmount,
    usage::{Paths, Reader, ReportedAmount, Usage},
};

/// Reads the usage that a body reports.
pub(super) struct UsageReader {
    reader: Reader,
    messages: Messages,
}

impl UsageReader {
    /// Returns `None` if bodies of this format are not read.
    pub(super) fn new(format: Format, paths: &Paths) -> Option<Self> {
        format.is_read().then(|| Self {
            reader: Reader::new(paths),
            messages: Messages::default(),
        })
    }

    /// Reads a part of a stream of server-sent events.
    pub(super) fn read_part(&mut self, paths: &Paths, part: Part<'_>) {
        match part {
            Part::Data(data) => self.reader.read(paths, data),
            Part::End => self.reader.begin_again(),
        }
    }

    /// Reads a piece of a body of any other format.
    ///
    /// # Errors
    /// The reason why no more of the body can be read.
    pub(super) fn read_piece(
        &mut self,
        format: Format,
        paths: &Paths,
        piece: &[u8],
    ) -> Result<(), &'static str> {
        match format {
            Format::Json => {
                self.reader.read(paths, piece);
                if self.reader.is_lost() {
                    Err("it is no JSON, or too deep")
                } else {
                    Ok(())
                }
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

    /// Returns `true` if a number has come since the last call.
    pub(super) fn take_news(&mut self) -> bool {
        self.reader.take_news()
    }

    /// Returns the amount that the body has reported so far.
    pub(super) fn told(&self, usage: &Usage) -> Option<ReportedAmount> {
        usage.told(&self.reader)
    }

    /// Returns the first value that gave no amount, once.
    pub(super) fn take_problem(&mut self) -> Option<BadAmount> {
        self.reader.take_problem()
    }
}
