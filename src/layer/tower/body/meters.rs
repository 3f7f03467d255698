//! Measures a body as it passes, for each source of settlement in it.

use std::io::IoSlice;

use bytes::Buf;

#[cfg(feature = "usage-body")]
use super::usage::UsageReader;
use super::{
    event_stream::{EventStream, Part},
    findings::Ignored,
    format::Format,
};
use crate::layer::{Settle, policy::SettlementRules, settle::Source};

/// The meters of a body, one for each source that is measured as the body passes. A source has a
/// field here, its lines in [`frame`](Self::frame), and its arm in [`amount`](Self::amount).
pub(super) struct BodyMeters {
    bytes: u64,
    /// `None` if nothing depends on events, or if the body has none that can be read.
    events: Option<Events>,
    /// `None` if no rule asks for the usage, or if bodies of this format are not read.
    #[cfg(feature = "usage-body")]
    usage: Option<UsageReader>,
}

#[derive(Default)]
struct Events {
    stream: EventStream,
    count: u64,
}

/// The most pieces of one frame that are read.
const MOST_PIECES: usize = 16;

impl BodyMeters {
    /// Creates the meters for the rules. With `may_end`, the body may be ended between two events.
    pub(super) fn new(rules: &SettlementRules, format: Format, may_end: bool) -> Self {
        let counts_events = |rule: &Settle| matches!(rule.source, Source::Events(_));
        let wants_events = may_end || rules.body.iter().any(|(_, rule)| counts_events(rule));
        Self {
            bytes: 0,
            events: (wants_events && format == Format::Events).then(Events::default),
            #[cfg(feature = "usage-body")]
            usage: rules
                .usage
                .as_ref()
                .and_then(|paths| UsageReader::new(format, paths)),
        }
    }

    /// Measures a frame's data, without a copy.
    ///
    /// # Errors
    /// [`Ignored`] if a value in the data is not an amount.
    pub(super) fn frame(
        &mut self,
        rules: &SettlementRules,
        data: &impl Buf,
    ) -> Result<(), Ignored> {
        self.bytes = self.bytes.saturating_add(data.remaining() as u64);
        if data.chunk().len() == data.remaining() {
            return self.read(rules, data.chunk());
        }
        let mut pieces = [IoSlice::new(&[]); MOST_PIECES];
        let count = data.chunks_vectored(&mut pieces);
        let pieces = pieces.get(..count).unwrap_or_default();
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() != data.remaining() {
            // A part of the data is missing, so the rest makes no sense.
            self.events = None;
            #[cfg(feature = "usage-body")]
            self.usage.iter_mut().for_each(UsageReader::give_up);
            return Err(("malformed", "it comes in too many pieces"));
        }
        let mut result = Ok(());
        for piece in pieces {
            result = result.and(self.read(rules, piece));
        }
        result
    }

    fn read(&mut self, _rules: &SettlementRules, piece: &[u8]) -> Result<(), Ignored> {
        if let Some(Events { stream, count }) = &mut self.events {
            stream.feed(piece, |part| *count += u64::from(part == Part::End));
        }
        #[cfg(feature = "usage-body")]
        if let (Some(usage), Some(paths)) = (&mut self.usage, &_rules.usage) {
            usage.read(paths, piece)?;
        }
        Ok(())
    }

    /// Returns the amount for a rule, which may be compared with `base`. `over` is `true` if the
    /// body is over. If nothing has come before, there is no amount: a body that is cut off before
    /// it begins does not say that nothing was used.
    pub(super) fn amount(&self, rule: &Settle, _base: u64, over: bool) -> Option<u64> {
        match &rule.source {
            Source::Bytes(tokens) => (over || self.bytes > 0).then(|| tokens(self.bytes)),
            Source::Events(tokens) => {
                let count = self.events.as_ref()?.count;
                (over || count > 0).then(|| tokens(count))
            }
            #[cfg(feature = "usage-body")]
            Source::Usage(wanted) => {
                let told = self.usage.as_ref()?.told(wanted)?;
                // An amount that is not complete counts only if it is more than the estimate.
                (over || told.whole || rule.exceeds(told.tokens, _base)).then_some(told.tokens)
            }
            Source::Headers(_) | Source::Head(_) | Source::Trailers(_) => None,
        }
    }

    /// Returns `true` if events are read, and the next line may begin another one.
    pub(super) fn is_between_events(&self) -> bool {
        self.events
            .as_ref()
            .is_some_and(|events| events.stream.is_between_events())
    }

    /// Returns `true` if the usage in the body was read until that became impossible.
    #[cfg(feature = "usage-body")]
    pub(super) fn is_usage_malformed(&self) -> bool {
        self.usage.as_ref().is_some_and(UsageReader::has_given_up)
    }
}
