//! What a body carries to its end.

use std::{sync::Arc, task::Context};

use bytes::Buf;
use http::{Response, StatusCode};
use http_body::{Body, Frame};

use super::{topping_up::Last, watch::Watch};
use crate::layer::{
    Policy,
    held::{Held, Holder},
};

/// What a body carries to its end. Dropped, it commits the lease unless others hold it.
pub(in crate::layer) enum Tail {
    /// A lease that somebody else holds too.
    Handle(#[allow(dead_code, reason = "it is there to be dropped")] Arc<Held>),
    /// Rules that look at the body.
    Watch(Box<Watch>),
}

impl Tail {
    /// What is to be carried after the response's head was settled.
    pub(in crate::layer) fn new<B: Body>(lease: Holder, response: &Response<B>) -> Option<Self> {
        // A body that has ended already may never be polled.
        if response.body().is_end_stream() {
            return None;
        }
        if !watches(lease.policy(), response) {
            return lease.still_shared().map(Self::Handle);
        }
        let policy = lease.policy().clone();
        Some(Self::Watch(Box::new(Watch::new(policy, Some(lease), response))))
    }

    /// What is to be carried of a request that passed without a lease.
    pub(in crate::layer) fn unlimited<B: Body>(policy: Policy, response: &Response<B>) -> Option<Self> {
        let wanted = watches(&policy, response) && !response.body().is_end_stream();
        wanted.then(|| Self::Watch(Box::new(Watch::new(policy, None, response))))
    }

    /// Something that the body is to end with, now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Last> {
        match self {
            Self::Handle(_) => None,
            Self::Watch(watch) => watch.poll(context),
        }
    }

    /// A frame on its way.
    pub(super) fn see(&mut self, frame: &mut Frame<impl Buf>, context: &mut Context<'_>) {
        if let Self::Watch(watch) = self {
            watch.see(frame, context);
        }
    }

    /// The body is whole.
    pub(super) fn end(&mut self) {
        if let Self::Watch(watch) = self {
            watch.end();
        }
    }
}

/// Returns `true` if there is a body that the policy looks at. After an upgrade there is none: what follows is
/// no HTTP.
fn watches<B>(policy: &Policy, response: &Response<B>) -> bool {
    !policy.rules.settlement.body.is_empty() && response.status() != StatusCode::SWITCHING_PROTOCOLS
}
