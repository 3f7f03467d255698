//! Rules that look at a body on its way.

use std::{io::IoSlice, task::Context};

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
        held::Holder,
        settle::{Source, sum},
    },
    telemetry,
};

/// Looks at a body on its way, and tells its lease what was used. Dropped midway, what was counted
/// so far holds.
pub(in crate::layer) struct Watch {
    policy: Policy,
    /// `None` where the request passed without one: then there are only trailers to strip.
    lease: Option<Holder>,
    findings: Findings,
    format: Format,
    bytes: u64,
    events: u64,
    stream: EventStream,
    #[cfg(feature = "usage-body")]
    usage: Option<UsageReader>,
    topping_up: ToppingUp,
    may_end: bool,
    /// `true` if anything depends on what the frames say.
    reads: bool,
    /// `true` if some of it has come.
    begun: bool,
    /// `true` if all was told that there is to tell.
    over: bool,
}

// As documented in `Usage`.
const _: () = assert!(size_of::<Watch>() <= 1024);

/// Pieces of one frame that are looked at.
const MOST_PIECES: usize = 16;

impl Watch {
    pub(super) fn new<B: Body>(policy: Policy, lease: Option<Holder>, response: &Response<B>) -> Self {
        let settlement = &policy.rules.settlement;
        let rules = &settlement.body;
        let format = Format::of(response.headers());
        let has_length =
            response.body().size_hint().exact().is_some() || response.headers().contains_key(CONTENT_LENGTH);
        let may_end = !has_length && settlement.top_up.as_ref().is_some_and(|rule| rule.ending.is_some());
        let mut watch = Self {
            findings: Findings::new(rules, lease.as_ref().map(Holder::held), &ResponseHead::from(response)),
            may_end,
            reads: may_end || rules.iter().any(|(_, rule)| rule.source.reads()),
            bytes: 0,
            events: 0,
            stream: EventStream::default(),
            #[cfg(feature = "usage-body")]
            usage: settlement.usage.as_ref().and_then(|paths| UsageReader::new(format, paths)),
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

    /// Tells that rules that read the body do so in vain.
    fn is_unread(&mut self, label: &'static str, reason: &str) {
        self.findings.went_wrong();
        let mut rules = self.policy.rules.settlement.body.iter();
        if let (Some((limit, _)), Some(_)) = (rules.find(|(_, rule)| rule.source.reads()), &self.lease) {
            telemetry::settle_value_ignored(limit, BODY, label, reason);
        }
    }

    /// Something that the body is to end with, now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Last> {
        self.top_up(context);
        if !self.may_end || (self.format == Format::Events && !self.stream.is_between_events()) {
            return None;
        }
        let ending = self.policy.rules.settlement.top_up.as_ref()?.ending.as_ref()?;
        self.topping_up.last(ending, self.format, self.policy.rules.answers.dialects.errors.as_ref())
    }

    fn top_up(&mut self, context: &mut Context<'_>) {
        let settlement = &self.policy.rules.settlement;
        if let (Some(rule), Some(lease)) = (&settlement.top_up, &self.lease) {
            self.topping_up.poll(rule, &settlement.body, lease.held(), context);
        }
    }

    /// A frame on its way.
    pub(super) fn see(&mut self, frame: &mut Frame<impl Buf>, context: &mut Context<'_>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.remaining() as u64);
            self.read(data);
            self.begun = true;
            self.count(false);
            self.apply(false);
            // Asked for at once, not with the next frame.
            self.top_up(context);
        } else if let Some(trailers) = frame.trailers_mut() {
            let settlement = &self.policy.rules.settlement;
            self.findings.read(&settlement.body, |limit, rule| match &rule.source {
                Source::Trailers(names) => Some(sum(limit, names, trailers)),
                _ => None,
            });
            settlement.strip_trailers(trailers);
            self.end();
        }
    }

    /// The body is whole.
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
            self.findings.count_missing(&self.policy.rules.settlement.body, lease.held());
        }
    }

    /// Counts whether usage was found.
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

    /// Reads a frame's data where it lies.
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
            // With a hole in it there is no sense in it.
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
        if let (Some(usage), Some(paths)) = (&mut self.usage, self.policy.rules.settlement.usage.as_ref())
            && let Err(reason) = usage.read_piece(self.format, paths, piece)
        {
            self.format = Format::Other;
            self.is_unread("malformed", reason);
        }
    }

    #[cfg(not(feature = "usage-body"))]
    fn read_usage(&self, _piece: &[u8]) {}

    /// What the rules make of what has come so far. Nothing so far is no amount: a body that is cut off
    /// before it began has not told that nothing was used.
    fn count(&mut self, over: bool) {
        let (bytes, events, format) = (self.bytes, self.events, self.format);
        #[cfg(feature = "usage-body")]
        let has_news = self.usage.as_mut().is_some_and(UsageReader::take_news);
        #[cfg(feature = "usage-body")]
        let usage = &self.usage;
        self.findings.ask(&self.policy.rules.settlement.body, |rule, _base| match &rule.source {
            Source::Bytes(tokens) if over || bytes > 0 => Some(tokens(bytes)),
            Source::Events(tokens) if format == Format::Events && (over || events > 0) => Some(tokens(events)),
            #[cfg(feature = "usage-body")]
            Source::Usage(wanted) if over || has_news => {
                let told = usage.as_ref()?.told(wanted)?;
                // The start of it says more than was estimated, or nothing yet.
                (over || told.whole || rule.exceeds(told.tokens, _base)).then_some(told.tokens)
            }
            _ => None,
        });
        #[cfg(feature = "usage-body")]
        if let Some(problem) = self.usage.as_mut().and_then(UsageReader::take_problem) {
            self.is_unread(problem.label(), &problem.to_string());
        }
    }

    /// Tells the lease.
    fn apply(&self, over: bool) {
        if let Some(lease) = &self.lease {
            self.findings.apply(&self.policy.rules.settlement.body, lease.held(), over);
        }
    }
}
