//! Rules that look at a body on its way.

use std::{io::IoSlice, task::Context};

use bytes::Buf;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use smallvec::SmallVec;

use super::{
    event_stream::{EventStream, Part},
    format::Format,
    topping_up::{Last, ToppingUp},
};
#[cfg(feature = "usage-body")]
use crate::{layer::usage::Reader, telemetry::UsageBody};
use crate::{
    layer::{
        Policy,
        held::Holder,
        settle::{Source, in_bounds, sum},
    },
    telemetry,
};

/// Looks at a body on its way, and tells its lease what was used. Dropped midway, what was counted
/// so far holds.
pub(in crate::layer) struct Watch {
    policy: Policy,
    /// `None` where the request passed without one: then there are only trailers to strip.
    lease: Option<Holder>,
    /// What was used of each rule's limit when the body began.
    before: SmallVec<[u64; 1]>,
    /// What each rule has found.
    found: SmallVec<[Option<u64>; 1]>,
    format: Format,
    bytes: u64,
    events: u64,
    stream: EventStream,
    #[cfg(feature = "usage-body")]
    usage: Option<Reader>,
    topping_up: ToppingUp,
    may_end: bool,
    /// Whether anything depends on what the frames say.
    reads: bool,
}

// As documented in `Usage`.
const _: () = assert!(size_of::<Watch>() <= 1024);

/// Pieces of one frame that are looked at.
const MOST_PIECES: usize = 16;

/// Where values come from, for the log.
const BODY: &str = "the body";

impl Watch {
    pub(super) fn new<B: Body>(policy: Policy, lease: Option<Holder>, response: &Response<B>) -> Self {
        let settlement = &policy.rules.settlement;
        let rules = &settlement.body;
        let consumed = |limit: &str| lease.as_ref().and_then(|lease| lease.held().consumed(limit)).unwrap_or(0);
        let before = rules.iter().map(|(limit, _)| consumed(limit.as_str())).collect();
        let format = Format::of(response.headers());
        let has_length =
            response.body().size_hint().exact().is_some() || response.headers().contains_key(CONTENT_LENGTH);
        let may_end = !has_length && settlement.top_up.as_ref().is_some_and(|rule| rule.ending.is_some());
        let watch = Self {
            before,
            may_end,
            reads: may_end || rules.iter().any(|(_, rule)| rule.source.reads()),
            found: SmallVec::from_elem(None, rules.len()),
            bytes: 0,
            events: 0,
            stream: EventStream::default(),
            #[cfg(feature = "usage-body")]
            usage: settlement
                .usage
                .as_ref()
                .filter(|_| matches!(format, Format::Events | Format::Json))
                .map(Reader::new),
            topping_up: ToppingUp::default(),
            format,
            lease,
            policy,
        };
        if format == Format::Encoded {
            watch.is_unread("encoded", "it has a content-encoding");
        }
        watch
    }

    /// Tells that rules that read the body do so in vain.
    fn is_unread(&self, label: &'static str, reason: &str) {
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
        self.topping_up.last(ending, self.format)
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
            self.count();
            self.apply(false);
            // Asked for at once, not with the next frame.
            self.top_up(context);
        } else if let Some(trailers) = frame.trailers_mut() {
            for ((limit, rule), found) in self.policy.rules.settlement.body.iter().zip(&mut self.found) {
                if let Source::Trailers(names) = &rule.source {
                    *found = sum(limit, names, trailers);
                }
            }
            self.policy.rules.settlement.strip_trailers(trailers);
            self.apply(true);
        }
    }

    /// The body is whole.
    pub(super) fn end(&mut self) {
        self.apply(true);
        #[cfg(feature = "usage-body")]
        self.tell_of_usage();
    }

    /// Counts what was found of usage.
    #[cfg(feature = "usage-body")]
    fn tell_of_usage(&self) {
        let rules = self.policy.rules.settlement.body.iter().zip(&self.found);
        let mut of_usage = rules.filter(|((_, rule), _)| matches!(rule.source, Source::Usage(_))).peekable();
        if of_usage.peek().is_none() {
            return;
        }
        telemetry::usage_body(match self.format {
            Format::Encoded => UsageBody::Encoded,
            _ if of_usage.any(|(_, found)| found.is_some()) => UsageBody::Found,
            Format::Other if self.usage.is_some() => UsageBody::Malformed,
            _ => UsageBody::Absent,
        });
    }

    /// Reads a frame's data where it lies.
    fn read(&mut self, data: &impl Buf) {
        if !self.reads || !matches!(self.format, Format::Events | Format::Json) {
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
        #[cfg(feature = "usage-body")]
        let paths = self.policy.rules.settlement.usage.as_ref();
        if self.format == Format::Events {
            let events = &mut self.events;
            #[cfg(feature = "usage-body")]
            let usage = &mut self.usage;
            self.stream.feed(piece, |part| {
                if part == Part::End {
                    *events = events.saturating_add(1);
                }
                #[cfg(feature = "usage-body")]
                if let (Some(usage), Some(paths)) = (&mut *usage, paths) {
                    match part {
                        Part::Data(data) => usage.read(paths, data),
                        Part::End => usage.begin_again(),
                    }
                }
            });
        }
        #[cfg(feature = "usage-body")]
        if let (Format::Json, Some(usage), Some(paths)) = (self.format, &mut self.usage, paths) {
            usage.read(paths, piece);
            if usage.is_lost() {
                self.format = Format::Other;
                self.is_unread("malformed", "it is no JSON, or too deep");
            }
        }
    }

    /// What the rules make of what has come so far.
    fn count(&mut self) {
        let (bytes, events) = (self.bytes, self.events);
        #[cfg(feature = "usage-body")]
        if let Some(problem) = self.usage.as_mut().and_then(Reader::take_problem) {
            self.is_unread(problem.label(), &problem.to_string());
        }
        for ((_, rule), found) in self.policy.rules.settlement.body.iter().zip(&mut self.found) {
            let counted = match &rule.source {
                Source::Bytes(tokens) => Some(tokens(bytes)),
                Source::Events(tokens) if self.format == Format::Events => Some(tokens(events)),
                #[cfg(feature = "usage-body")]
                Source::Usage(usage) => self.usage.as_ref().and_then(|reader| reader.amount(usage)),
                _ => None,
            };
            // What is absurd keeps what was found before.
            if let Some(counted) = counted.and_then(|counted| in_bounds(counted).ok()) {
                *found = Some(counted);
            }
        }
    }

    /// Tells the lease. While the body goes on, the largest amount of a limit counts; when it is
    /// over, the last of its rules that has one.
    fn apply(&self, over: bool) {
        let Some(lease) = &self.lease else {
            return;
        };
        let rules = &self.policy.rules.settlement.body;
        for (index, (limit, _)) in rules.iter().enumerate() {
            if rules.iter().take(index).any(|(earlier, _)| earlier == limit) {
                continue;
            }
            let of_limit =
                rules.iter().zip(&self.found).zip(&self.before).filter(|(((other, _), _), _)| other == limit);
            let mut amounts =
                of_limit.filter_map(|(((_, rule), found), before)| Some(rule.applied((*found)?, *before)));
            if let Some(used) = if over { amounts.next_back() } else { amounts.max() } {
                lease.held().found(limit.as_str(), used);
            }
        }
    }
}
