//! The tail of a body: what the body keeps until it ends.

use std::{sync::Arc, task::Context};

use bytes::Buf;
use http::{Response, StatusCode};
use http_body::{Body, Frame};

use super::{topping_up::Last, watch::Watch};
use crate::layer::{Policy, lease::lease_slot::LeaseSlot};

/// The lease, or the rules, that a body keeps until it ends. Dropping it commits the lease, unless
/// others hold it.
pub(crate) enum Tail {
    /// A lease that somebody else holds, too.
    Handle(#[allow(dead_code, reason = "it is there to be dropped")] Arc<LeaseSlot>),
    /// Rules that look at the body.
    Watch(Box<Watch>),
}

impl Tail {
    /// Creates the tail after the response's head was settled; `None` if the body needs none.
    pub(crate) fn new<B: Body>(lease: Arc<LeaseSlot>, response: &Response<B>) -> Option<Self> {
        let watches = watches(lease.policy(), response);
        let is_shared = lease.policy().shares_lease() && Arc::strong_count(&lease) > 1;
        // A body that has ended already may never be polled.
        if !(watches || is_shared) || response.body().is_end_stream() {
            return None;
        }
        if !watches {
            return Some(Self::Handle(lease));
        }
        let policy = lease.policy().clone();
        Some(Self::Watch(Box::new(Watch::new(
            policy,
            Some(lease),
            response,
        ))))
    }

    /// Creates the tail of a request that passed without a lease; `None` if the body needs none.
    pub(crate) fn unlimited<B: Body>(policy: Policy, response: &Response<B>) -> Option<Self> {
        let wanted = watches(&policy, response) && !response.body().is_end_stream();
        wanted.then(|| Self::Watch(Box::new(Watch::new(policy, None, response))))
    }

    /// Returns the last frame of the body, if the body is to end now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Last> {
        match self {
            Self::Handle(_) => None,
            Self::Watch(watch) => watch.poll(context),
        }
    }

    /// Looks at a frame that passes.
    pub(super) fn see(&mut self, frame: &mut Frame<impl Buf>, context: &mut Context<'_>) {
        if let Self::Watch(watch) = self {
            watch.see(frame, context);
        }
    }

    /// Ends the tail: the body is complete.
    pub(super) fn end(&mut self) {
        if let Self::Watch(watch) = self {
            watch.end();
        }
    }
}

/// Returns `true` if there is a body that rules of the policy look at. After an upgrade there is
/// none: the bytes that follow are not HTTP.
fn watches<B>(policy: &Policy, response: &Response<B>) -> bool {
    policy.rules.look_at_bodies() && response.status() != StatusCode::SWITCHING_PROTOCOLS
}
