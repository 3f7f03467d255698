//! Bodies pass through unchanged, frame by frame.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tollgate::layer::{LeaseHandle, ResponseBody};
use tower::{Layer, ServiceExt};

use super::{
    bodies::once,
    world::{from, layer, memory, ten_tokens},
};

/// The result of one poll of a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Pending,
    Data(Bytes),
    Trailers(HeaderMap),
    Error(String),
    End,
}

/// A body that yields one step at each poll and then ends. The body must not be polled after its
/// end.
pub(super) struct Scripted {
    pub(super) steps: VecDeque<Step>,
    /// Keeps the lease open.
    pub(super) _lease: Option<LeaseHandle>,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.steps.pop_front().unwrap_or(Step::End) {
            Step::Pending => Poll::Pending,
            Step::Data(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Step::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Step::Error(message) => Poll::Ready(Some(Err(io::Error::other(message)))),
            Step::End => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.steps.len() as u64);
        hint.set_upper(1000 + self.steps.len() as u64);
        hint
    }
}

pub(super) fn poll<B>(body: &mut B) -> Step
where
    B: Body<Data = Bytes, Error = io::Error> + Unpin,
{
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => Step::Pending,
        Poll::Ready(None) => Step::End,
        Poll::Ready(Some(Err(error))) => Step::Error(error.to_string()),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => Step::Data(data),
            Err(frame) => Step::Trailers(frame.into_trailers().expect("trailers")),
        },
    }
}

async fn behind_the_layer(steps: &[Step], held: bool) -> ResponseBody<Scripted> {
    let steps = once(VecDeque::from(steps.to_vec()));
    let inner = tower::service_fn(move |request: Request<AxumBody>| {
        let lease = request.extensions().get::<LeaseHandle>().cloned();
        let body = Scripted {
            steps: steps(),
            _lease: lease.filter(|_| held),
        };
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    layer(&memory().0, ten_tokens())
        .layer(inner)
        .oneshot(from("alice"))
        .await
        .unwrap()
        .into_body()
}

fn trailers() -> Step {
    let mut trailers = HeaderMap::new();
    trailers.append("x-sum", HeaderValue::from_bytes(b"\xff 1").unwrap());
    trailers.append("x-sum", HeaderValue::from_static("2"));
    Step::Trailers(trailers)
}

fn scripts() -> Vec<Vec<Step>> {
    let data = |text: &'static str| Step::Data(Bytes::from_static(text.as_bytes()));
    let binary = Step::Data((0..=255).collect());
    vec![
        vec![],
        vec![data("whole")],
        vec![
            data(""),
            data("a"),
            Step::Pending,
            data("b"),
            Step::Pending,
            Step::Pending,
            binary.clone(),
        ],
        vec![data("a"), trailers()],
        vec![trailers()],
        vec![Step::Pending, binary, Step::Error("torn".to_owned())],
        vec![Step::Pending, Step::End],
    ]
}

#[tokio::test]
async fn frames_pass_unchanged_step_by_step() {
    for script in scripts() {
        for held in [false, true] {
            let mut alone = Scripted {
                steps: script.clone().into(),
                _lease: None,
            };
            let mut body = behind_the_layer(&script, held).await;
            for step in script.iter().chain([&Step::End]) {
                assert_eq!(
                    body.is_end_stream(),
                    alone.is_end_stream(),
                    "before {step:?}"
                );
                assert_eq!(body.size_hint().lower(), alone.size_hint().lower());
                assert_eq!(body.size_hint().upper(), alone.size_hint().upper());
                // The step comes in the same poll as from the inner body.
                assert_eq!(&poll(&mut body), step);
                assert_eq!(&poll(&mut alone), step);
            }
        }
    }
}

#[tokio::test]
async fn the_data_of_a_body_is_not_copied() {
    let data = Bytes::from(vec![7; 10_000]);
    let mut body = behind_the_layer(&[Step::Data(data.clone())], true).await;
    let Step::Data(passed) = poll(&mut body) else {
        panic!("no data")
    };
    assert_eq!(passed.as_ptr(), data.as_ptr());
}

#[tokio::test]
async fn the_layers_own_answers_are_whole() {
    let service =
        layer(&memory().0, ten_tokens()).layer(tower::service_fn(|_: Request<AxumBody>| async {
            Ok::<_, Infallible>(Response::new(AxumBody::empty()))
        }));
    let mut body = service
        .oneshot(Request::new(AxumBody::empty()))
        .await
        .unwrap()
        .into_body();
    let length = body.size_hint().exact().expect("known");
    assert!(!body.is_end_stream());
    let frame = super::bodies::next(&mut body).await.unwrap().unwrap();
    assert_eq!(frame.len() as u64, length);
    assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
    assert!(super::bodies::next(&mut body).await.is_none());
}

#[tokio::test]
async fn the_heads_of_requests_and_responses_pass_unchanged() {
    let inner = tower::service_fn(|request: Request<AxumBody>| async move {
        assert_eq!(
            (request.uri().path(), request.headers()["x-user"].as_bytes()),
            ("/a", &b"alice"[..])
        );
        Response::builder()
            .status(207)
            .version(http::Version::HTTP_2)
            .header("x-own", "1")
            .extension(7u32)
            .body(AxumBody::empty())
    });
    let mut request = from("alice");
    *request.uri_mut() = "/a?b".parse().unwrap();
    let response = layer(&memory().0, ten_tokens())
        .layer(inner)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (207, http::Version::HTTP_2)
    );
    assert_eq!(response.headers()["x-own"], "1");
    assert_eq!(response.extensions().get::<u32>(), Some(&7));
}
