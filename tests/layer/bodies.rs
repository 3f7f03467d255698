//! Bodies that a test feeds.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Sends frames to a [`Fed`]. The feed is closed when the body is dropped, and the body ends when
/// the feed is dropped.
pub(super) type Feed = UnboundedSender<Result<Frame<Bytes>, io::Error>>;

/// A body of unknown length that holds a `T`.
pub(super) struct Fed<T = ()> {
    frames: UnboundedReceiver<Result<Frame<Bytes>, io::Error>>,
    _carried: T,
}

pub(super) fn fed() -> (Feed, Fed) {
    carrying(())
}

/// Returns a body that owns a value, such as a lease's handle.
pub(super) fn carrying<T>(carried: T) -> (Feed, Fed<T>) {
    let (feed, frames) = unbounded_channel();
    (
        feed,
        Fed {
            frames,
            _carried: carried,
        },
    )
}

pub(super) fn data(text: &'static str) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

impl<T: Unpin> Body for Fed<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.frames.poll_recv(context)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Returns the data of the next frame; `None` at the end.
pub(super) async fn next<B>(body: &mut B) -> Option<Result<Bytes, B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// Returns all data of a body, and its trailers.
pub(super) async fn collect<B>(mut body: B) -> Result<(Vec<u8>, Option<HeaderMap>), B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (mut data, mut trailers) = (Vec::new(), None);
    while let Some(frame) =
        std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        match frame?.into_data() {
            Ok(piece) => data.extend_from_slice(&piece),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((data, trailers))
}

/// Returns a closure that can be cloned and returns `value` at its only call.
pub(super) fn once<T: Send>(value: T) -> impl Fn() -> T + Clone + Send + Sync {
    let value = Arc::new(Mutex::new(Some(value)));
    move || {
        value
            .lock()
            .expect("nobody panicked")
            .take()
            .expect("asked for once")
    }
}
