//! The response body, which a lease may live as long as.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::LeaseHandle;

pin_project! {
    /// The body of [`RateLimit`](super::RateLimit)'s responses: the inner one, passed through
    /// unchanged, or that of an answer of the layer's own.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        // Dropping the lease commits it.
        Inner { #[pin] body: B, lease: Option<LeaseHandle> },
        Answer { bytes: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn inner(body: B, lease: Option<LeaseHandle>) -> Self
    where
        B: Body,
    {
        // A body that has ended already may never be polled.
        let lease = lease.filter(|_| !body.is_end_stream());
        Self { kind: Kind::Inner { body, lease } }
    }

    pub(super) fn answer(bytes: Bytes) -> Self {
        Self { kind: Kind::Answer { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data: From<Bytes>>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { mut body, lease } => {
                let frame = ready!(body.as_mut().poll_frame(context));
                if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    lease.take();
                }
                Poll::Ready(frame)
            }
            KindProjection::Answer { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(B::Data::from(bytes)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Answer { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Answer { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "ResponseBody::Inner",
            Kind::Answer { .. } => "ResponseBody::Answer",
        })
    }
}
