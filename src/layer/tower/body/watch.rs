//! Applies rules to a body while it streams.

use std::{io::IoSlice, sync::Arc, task::Context};

use bytes::Buf;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};

#[cfg(feature = "usage-body")]
use super::usage::UsageReader;
use super::{
    event_stream::{EventStream, Part},
    findings::{BODY, Findings},
    format::Format,
    topping_up::{Last, ToppingUp},
};
#[cfg(feature = "usage-body")]
use crate::{layer::Settle, telemetry::UsageBody};
use crate::{
    layer::{
        Policy, ResponseHead,
        request::lease_slot::LeaseSlot,
        settle::{Source, sum},
    },
    telemetry,
};

/// Looks at the frames of a body, and settles its lease by what was used. If it is dropped before
/// the body ends, the amounts that were counted so far stand.
pub(crate) struct Watch {
    policy: Policy,
    /// `None` if the request passed without a lease: then there are only trailers to strip.
    lease: Option<Arc<LeaseSlot>>,
    findings: Findings,
    format: Format,
    bytes: u64,
    events: u64,
    stream: EventStream,
    #[cfg(feature = "usage-body")]
    usage: Option<UsageReader>,
    topping_up: ToppingUp,
    may_end: bool,
    /// `true` if anything depends on the content of the frames.
    reads: bool,
    /// `true` if data has come.
    begun: bool,
    /// `true` if the body is over, and the lease is settled for the last time.
    over: bool,
}

// As documented in `Usage`.
const _: () = assert!(size_of::<Watch>() <= 1024);

/// The most pieces of one frame that are read.
const MOST_PIECES: usize = 16;

impl Watch {
    pub(super) fn new<B: Body>(
        policy: Policy,
        lease: Option<Arc<LeaseSlot>>,
        response: &Response<B>,
    ) -> Self {
        let settlement = &policy.rules.settlement;
        let rules = &settlement.body;
        let format = Format::of(response.headers());
        let has_length = response.body().size_hint().exact().is_some()
            || response.headers().contains_key(CONTENT_LENGTH);
        let may_end = !has_length
            && settlement
                .top_up
                .as_ref()
                .is_some_and(|rule| rule.ending.is_some());
        let mut watch = Self {
            findings: Findings::new(rules, lease.as_deref(), &ResponseHead::from(response)),
            may_end,
            reads: may_end || rules.iter().any(|(_, rule)| rule.source.reads()),
            bytes: 0,
            events: 0,
            stream: EventStream::default(),
            #[cfg(feature = "usage-body")]
            usage: settlement
                .usage
                .as_ref()
                .and_then(|paths| UsageReader::new(format, paths)),
            topping_up: ToppingUp::default(),
            format,
            begun: false,
            over: false,
            lease,
            policy,
        };
        if format == Format::Encoded {
            watch.is_unread("encoded", "it has a content-encoding");
        }
        watch
    }

    /// Reports that the body cannot be read, if a rule needs to read it.
    fn is_unread(&mut self, label: &'static str, reason: &str) {
        self.findings.went_wrong();
        let mut rules = self.policy.rules.settlement.body.iter();
        if let (Some((limit, _)), Some(_)) =
            (rules.find(|(_, rule)| rule.source.reads()), &self.lease)
        {
            telemetry::settle_value_ignored(limit, BODY, label, reason);
        }
    }

    /// Returns the last frame of the body, if the body is to end now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Last> {
        self.top_up(context);
        if !self.may_end || (self.format == Format::Events && !self.stream.is_between_events()) {
            return None;
        }
        let ending = self
            .policy
            .rules
            .settlement
            .top_up
            .as_ref()?
            .ending
            .as_ref()?;
        self.topping_up.last(
            ending,
            self.format,
            self.policy.rules.answers.dialects.errors.as_ref(),
        )
    }

    fn top_up(&mut self, context: &mut Context<'_>) {
        let settlement = &self.policy.rules.settlement;
        if let (Some(rule), Some(lease)) = (&settlement.top_up, &self.lease) {
            self.topping_up.poll(rule, &settlement.body, lease, context);
        }
    }

    /// Looks at a frame that passes.
    pub(super) fn see(&mut self, frame: &mut Frame<impl Buf>, context: &mut Context<'_>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.remaining() as u64);
            self.read(data);
            self.begun = true;
            self.count(false);
            self.apply(false);
            // Ask for more at once, not with the next frame.
            self.top_up(context);
        } else if let Some(trailers) = frame.trailers_mut() {
            let settlement = &self.policy.rules.settlement;
            self.findings
                .read(&settlement.body, |limit, rule| match &rule.source {
                    Source::Trailers(names) => Some(sum(limit, names, trailers)),
                    _ => None,
                });
            settlement.strip_trailers(trailers);
            self.end();
        }
    }

    /// Settles the lease for the last time, because the body is complete.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if self.begun {
            self.count(true);
        }
        #[cfg(feature = "usage-body")]
        self.tell_of_usage();
        self.apply(true);
        if let Some(lease) = &self.lease {
            self.findings
                .count_missing(&self.policy.rules.settlement.body, lease);
        }
    }

    /// Counts the body in the metrics, by the result: usage was found, or the reason why not.
    #[cfg(feature = "usage-body")]
    fn tell_of_usage(&self) {
        let rules = &self.policy.rules.settlement.body;
        let is_usage = |rule: &Settle| matches!(rule.source, Source::Usage(_));
        if !rules.iter().any(|(_, rule)| is_usage(rule)) {
            return;
        }
        telemetry::usage_body(match self.format {
            Format::Encoded => UsageBody::Encoded,
            _ if self.findings.any(rules, is_usage) => UsageBody::Found,
            Format::Other if self.usage.is_some() => UsageBody::Malformed,
            _ => UsageBody::Absent,
        });
    }

    /// Reads a frame's data without a copy.
    fn read(&mut self, data: &impl Buf) {
        if !self.reads || !self.format.is_read() {
            return;
        }
        if data.chunk().len() == data.remaining() {
            return self.read_piece(data.chunk());
        }
        let mut pieces = [IoSlice::new(&[]); MOST_PIECES];
        let count = data.chunks_vectored(&mut pieces);
        let pieces = pieces.get(..count).unwrap_or_default();
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() != data.remaining() {
            // A part of the data is missing, so the rest makes no sense.
            self.format = Format::Other;
            return self.is_unread("malformed", "it comes in too many pieces");
        }
        for piece in pieces {
            self.read_piece(piece);
        }
    }

    fn read_piece(&mut self, piece: &[u8]) {
        match self.format {
            Format::Events => self.read_events(piece),
            _ => self.read_usage(piece),
        }
    }

    fn read_events(&mut self, piece: &[u8]) {
        #[cfg(feature = "usage-body")]
        let (usage, paths) = (&mut self.usage, self.policy.rules.settlement.usage.as_ref());
        let events = &mut self.events;
        self.stream.feed(piece, |part| {
            if part == Part::End {
                *events = events.saturating_add(1);
            }
            #[cfg(feature = "usage-body")]
            if let (Some(usage), Some(paths)) = (&mut *usage, paths) {
                usage.read_part(paths, part);
            }
        });
    }

    #[cfg(feature = "usage-body")]
    fn read_usage(&mut self, piece: &[u8]) {
        if let (Some(usage), Some(paths)) =
            (&mut self.usage, self.policy.rules.settlement.usage.as_ref())
            && let Err(reason) = usage.read_piece(self.format, paths, piece)
        {
            self.format = Format::Other;
            self.is_unread("malformed", reason);
        }
    }

    #[cfg(not(feature = "usage-body"))]
    fn read_usage(&self, _piece: &[u8]) {}

    /// Lets the rules count what has come so far. If nothing has come, there is no amount: a body
    /// that is cut off before it begins does not say that nothing was used.
    fn count(&mut self, over: bool) {
        let (bytes, events, format) = (self.bytes, self.events, self.format);
        #[cfg(feature = "usage-body")]
        let has_news = self.usage.as_mut().is_some_and(UsageReader::take_news);
        #[cfg(feature = "usage-body")]
        let usage = &self.usage;
        self.findings.ask(
            &self.policy.rules.settlement.body,
            |rule, _base| match &rule.source {
                Source::Bytes(tokens) if over || bytes > 0 => Some(tokens(bytes)),
                Source::Events(tokens) if format == Format::Events && (over || events > 0) => {
                    Some(tokens(events))
                }
                #[cfg(feature = "usage-body")]
                Source::Usage(wanted) if over || has_news => {
                    let told = usage.as_ref()?.told(wanted)?;
                    // An amount that is not complete counts only if it is more than the estimate.
                    (over || told.whole || rule.exceeds(told.tokens, _base)).then_some(told.tokens)
                }
                _ => None,
            },
        );
        #[cfg(feature = "usage-body")]
        if let Some(problem) = self.usage.as_mut().and_then(UsageReader::take_problem) {
            self.is_unread(problem.label(), &problem.to_string());
        }
    }

    /// Settles the lease by what was found.
    fn apply(&self, over: bool) {
        if let Some(lease) = &self.lease {
            self.findings
                .apply(&self.policy.rules.settlement.body, lease, over);
        }
    }
}
