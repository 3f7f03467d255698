//! The response body. A lease may stay open until it ends.

mod event_stream;
mod findings;
mod format;
#[cfg(feature = "usage-body")]
mod messages;
mod meters;
mod tail;
mod topping_up;
#[cfg(feature = "usage-body")]
mod usage;
mod watch;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pub(crate) use tail::Tail;
use topping_up::Last;

pin_project! {
    /// The response body of [`RateLimit`](crate::layer::RateLimit): the inner body, passed through
    /// unchanged, or the body of the layer's own answer.
    ///
    /// Every frame is returned by the poll in which the inner body returns it. Only rules change
    /// anything: [`strip`](crate::layer::Settle::strip) removes trailers, and
    /// [`end_stream`](crate::layer::TopUp::end_stream) may end the body early.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        // Dropping the tail commits the lease.
        Inner { #[pin] body: B, tail: Option<Tail> },
        Answer { bytes: Option<Bytes> },
        Trailers { trailers: Option<Box<HeaderMap>> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B, tail: Option<Tail>) -> Self {
        Self {
            kind: Kind::Inner { body, tail },
        }
    }

    pub(crate) fn answer(bytes: Bytes) -> Self {
        Self {
            kind: Kind::answer(bytes),
        }
    }
}

impl<B> Kind<B> {
    fn answer(bytes: Bytes) -> Self {
        Self::Answer {
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
        }
    }

    /// Returns the replacement of the inner body, if the body is to end now.
    fn ended(self: Pin<&mut Self>, context: &mut Context<'_>) -> Option<Self> {
        match self.project() {
            KindProjection::Inner {
                tail: Some(tail), ..
            } => Some(match tail.poll(context)? {
                Last::Event(bytes) => Self::answer(bytes),
                Last::Trailers(trailers) => Self::Trailers {
                    trailers: Some(trailers),
                },
            }),
            _ => None,
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data: From<Bytes>>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut kind = self.project().kind;
        // Most bodies have no tail.
        if let KindProjection::Inner { body, tail: None } = kind.as_mut().project() {
            return body.poll_frame(context);
        }
        if let Some(ended) = kind.as_mut().ended(context) {
            kind.set(ended);
        }
        match kind.project() {
            KindProjection::Inner { mut body, tail } => {
                let mut frame = ready!(body.as_mut().poll_frame(context));
                if let Some(open) = tail {
                    match &mut frame {
                        Some(Ok(frame)) => {
                            open.see(frame, context);
                            if body.is_end_stream() {
                                open.end();
                                *tail = None;
                            }
                        }
                        Some(Err(_)) => *tail = None,
                        None => {
                            open.end();
                            *tail = None;
                        }
                    }
                }
                Poll::Ready(frame)
            }
            KindProjection::Answer { bytes } => Poll::Ready(
                bytes
                    .take()
                    .map(|bytes| Ok(Frame::data(B::Data::from(bytes)))),
            ),
            KindProjection::Trailers { trailers } => Poll::Ready(
                trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(*trailers))),
            ),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Answer { bytes } => bytes.is_none(),
            Kind::Trailers { trailers } => trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Answer { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Trailers { .. } => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "ResponseBody::Inner",
            Kind::Answer { .. } => "ResponseBody::Answer",
            Kind::Trailers { .. } => "ResponseBody::Trailers",
        })
    }
}
