//! Applies rules to a body while it streams.

use std::{sync::Arc, task::Context};

use bytes::Buf;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};

use super::{
    findings::{BODY, Findings, Ignored},
    format::Format,
    meters::BodyMeters,
    topping_up::{Last, ToppingUp},
};
use crate::{
    layer::{Policy, ResponseHead, lease::lease_slot::LeaseSlot, policy::SettlementRules},
    limiter::PartIndex,
    telemetry,
};
#[cfg(feature = "usage-body")]
use crate::{
    layer::{Settle, settle::Source},
    telemetry::UsageBody,
};

/// Looks at the frames of a body, and settles its lease by the real use. If the watch is dropped
/// before the body ends, the amounts that were counted so far are kept.
pub(crate) struct Watch {
    policy: Policy,
    /// `None` if the request passed without a lease: then there are only trailers to strip.
    lease: Option<Arc<LeaseSlot>>,
    format: Format,
    /// The watch of the policy's own resource.
    own: PartWatch,
    /// The watches of the resources that the policy charges in addition.
    also: Box<[PartWatch]>,
    topping_up: ToppingUp,
    may_end: bool,
    /// `true` if data has come.
    begun: bool,
    /// `true` if the body is over, and the lease is settled for the last time.
    over: bool,
}

/// Looks at the frames of a body for the rules of one resource.
struct PartWatch {
    meters: BodyMeters,
    findings: Findings,
}

// As documented in `Usage`.
const _: () = assert!(size_of::<Watch>() <= 1024);

impl Watch {
    pub(super) fn new<B: Body>(
        policy: Policy,
        lease: Option<Arc<LeaseSlot>>,
        response: &Response<B>,
    ) -> Self {
        let rules = &policy.rules.settlement;
        let format = Format::of(response.headers());
        let has_length = response.body().size_hint().exact().is_some()
            || response.headers().contains_key(CONTENT_LENGTH);
        let ends = rules
            .top_up
            .as_ref()
            .is_some_and(|rule| rule.ending.is_some());
        let may_end = ends && !has_length;
        let head = ResponseHead::from(response);
        let part = |part, may_end| {
            let rules = policy.rules.settlement(part);
            PartWatch {
                meters: BodyMeters::new(rules, format, may_end),
                findings: Findings::new(&rules.body, lease.as_deref(), part, &head),
            }
        };
        let mut watch = Self {
            format,
            own: part(0, may_end),
            also: (1..=policy.rules.also.len())
                .map(|index| part(index, false))
                .collect(),
            topping_up: ToppingUp::default(),
            may_end,
            begun: false,
            over: false,
            lease,
            policy,
        };
        if format == Format::Encoded {
            watch.each_part(|part| part.ignored(("encoded", "it has a content-encoding")));
        }
        watch
    }

    fn rules(&self) -> &SettlementRules {
        &self.policy.rules.settlement
    }

    /// Does something for each resource.
    fn each_part(&mut self, mut act: impl FnMut(&mut WatchedPart<'_>)) {
        let lease = self.lease.as_deref();
        let watches = std::iter::once(&mut self.own).chain(&mut self.also);
        for (watch, (index, rules)) in watches.zip(self.policy.rules.settlements()) {
            act(&mut WatchedPart {
                index,
                rules,
                lease,
                watch,
            });
        }
    }

    /// Returns the last frame of the body, if the body is to end now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Last> {
        self.top_up(context);
        let cuts_event = self.format == Format::Events && !self.own.meters.is_between_events();
        if !self.may_end || cuts_event {
            return None;
        }
        let ending = self.rules().top_up.as_ref()?.ending.as_ref()?;
        let errors = self.policy.rules.answers.dialects.errors.as_ref();
        self.topping_up.last(ending, self.format, errors)
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
            self.begun = true;
            self.each_part(|part| {
                if let Err(ignored) = part.watch.meters.frame(part.rules, data) {
                    part.ignored(ignored);
                }
            });
            self.settle(false);
            // Ask for more at once, not with the next frame.
            self.top_up(context);
        } else if let Some(trailers) = frame.trailers_mut() {
            // All read the trailers before one of them strips some.
            self.each_part(|part| part.watch.findings.read(&part.rules.body, trailers));
            self.each_part(|part| part.rules.strip_trailers(trailers));
            self.end();
        }
    }

    /// Settles the lease for the last time, because the body is complete.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.settle(true);
        #[cfg(feature = "usage-body")]
        self.tell_of_usage();
        self.each_part(|part| {
            if let Some(lease) = part.lease {
                let findings = &part.watch.findings;
                findings.count_missing(&part.rules.body, lease, part.index);
            }
        });
    }

    /// Counts the body in the metrics, by the result: usage was found, or the reason why not.
    #[cfg(feature = "usage-body")]
    fn tell_of_usage(&mut self) {
        let is_usage = |rule: &Settle| matches!(rule.source, Source::Usage(_));
        let (mut wanted, mut found, mut malformed) = (false, false, false);
        self.each_part(|part| {
            let rules = &part.rules.body;
            wanted |= rules.iter().any(|(_, rule)| is_usage(rule));
            found |= part.watch.findings.any(rules, is_usage);
            malformed |= part.watch.meters.is_usage_malformed();
        });
        if !wanted {
            return;
        }
        telemetry::usage_body(match self.format {
            Format::Encoded => UsageBody::Encoded,
            _ if found => UsageBody::Found,
            _ if malformed => UsageBody::Malformed,
            _ => UsageBody::Absent,
        });
    }

    /// Settles the lease by what was found until now. `over` is `true` if the body is over.
    fn settle(&mut self, over: bool) {
        let begun = self.begun;
        self.each_part(|part| part.settle(begun, over));
    }
}

/// The watch of one resource, with the rules that it follows.
struct WatchedPart<'a> {
    index: PartIndex,
    rules: &'a SettlementRules,
    lease: Option<&'a LeaseSlot>,
    watch: &'a mut PartWatch,
}

impl WatchedPart<'_> {
    /// Reports a value that is not an amount, if a rule needs to read the body.
    fn ignored(&mut self, (label, reason): Ignored) {
        let is_news = self.watch.findings.goes_wrong();
        let mut rules = self.rules.body.iter();
        let reads = rules.find(|(_, rule)| rule.source.reads());
        if let (true, Some((limit, _)), Some(_)) = (is_news, reads, self.lease) {
            telemetry::settle_value_ignored(limit, BODY, label, reason);
        }
    }

    /// Settles the part by what was found until now.
    fn settle(&mut self, begun: bool, over: bool) {
        let (rules, PartWatch { meters, findings }) = (&self.rules.body, &mut *self.watch);
        if begun {
            findings.ask(rules, |rule, base| meters.amount(rule, base, over));
        }
        if let Some(lease) = self.lease {
            findings.apply(rules, lease, self.index, over);
        }
    }
}
