//! The Runtime API of one process.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc, time::SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

const PATH: &str = "/2018-06-01/runtime/";

/// An event that waits for the process.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) body: Bytes,
    pub(super) deadline: SystemTime,
}

/// A message of the process.
#[derive(Debug)]
pub(super) enum Message {
    /// The process asks for an event for the first time.
    Ready,
    /// The process cannot start.
    NotStarted(Value),
    /// An answer to the event with an id.
    Answered(String, Value),
    /// A failure of the event with an id.
    Failed(String, Value),
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct RuntimeServer {
    pub(super) address: String,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) messages: mpsc::Receiver<Message>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    events: Mutex<mpsc::Receiver<Event>>,
    messages: mpsc::Sender<Message>,
}

impl RuntimeServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.unwrap_or_else(|error| panic!("no port is free: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("a port without address: {error}"));
        let (events, waiting) = mpsc::channel(1);
        let (sender, messages) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            events: Mutex::new(waiting),
            messages: sender,
        });
        Self {
            address: address.to_string(),
            events,
            messages,
            server: tokio::spawn(accept(listener, shared)),
        }
    }
}

impl Drop for RuntimeServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().strip_prefix(PATH);
        let path: Vec<String> = path
            .map(|path| path.split('/').map(str::to_owned).collect())
            .unwrap_or_default();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method().clone(), path.as_slice()) {
            (Method::GET, ["invocation", "next"]) => self.next().await,
            (Method::POST, ["init", "error"]) => {
                let told = read(request).await;
                self.tell(Message::NotStarted(told)).await
            }
            (Method::POST, ["invocation", id, "response"]) => {
                let answer = read(request).await;
                self.tell(Message::Answered((*id).to_owned(), answer)).await
            }
            (Method::POST, ["invocation", id, "error"]) => {
                let told = read(request).await;
                self.tell(Message::Failed((*id).to_owned(), told)).await
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let _ = self.messages.send(Message::Ready).await;
        let Some(event) = self.events.lock().await.recv().await else {
            return status(StatusCode::GONE);
        };
        let deadline = event.deadline.duration_since(SystemTime::UNIX_EPOCH);
        let deadline = deadline.unwrap_or_default().as_millis();
        let answer = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", event.id)
            .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:us-east-1:000000000000:function:function",
            )
            .body(Full::new(event.body));
        answer.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    async fn tell(&self, message: Message) -> Response<Full<Bytes>> {
        let _ = self.messages.send(message).await;
        status(StatusCode::ACCEPTED)
    }
}

/// Reads JSON. A body that is none becomes a text.
async fn read(request: Request<Incoming>) -> Value {
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into())
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
