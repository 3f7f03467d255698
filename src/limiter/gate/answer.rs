//! The answer to a request, which its flight brings.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot::Receiver;

use super::super::bucket::Verdict;
use crate::error::Unavailable;

/// An answer to wait for. Dropped: what is granted is given back.
#[derive(Debug)]
pub(in crate::limiter) struct Answer(Receiver<Verdict>);

impl Answer {
    pub(super) fn new(verdict: Receiver<Verdict>) -> Self {
        Self(verdict)
    }
}

impl Future for Answer {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let verdict = Pin::new(&mut self.0).poll(context);
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Unavailable(Unavailable::RuntimeGone)))
    }
}
