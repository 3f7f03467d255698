//! The calls of the Runtime API.

use std::{io, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::Bytes,
    client::conn::http1::handshake,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::failure::Failure;

const VERSION: &str = "2018-06-01";

/// The header of a failure that names its kind.
const KIND: &str = "Lambda-Runtime-Function-Error-Type";

/// The reason why a call of the Runtime API did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    #[error("the Runtime API cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("the Runtime API does not answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the Runtime API cannot be asked: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the Runtime API answered {path} with {status}")]
    Refused { path: String, status: u16 },
}

/// An event as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: String,
    /// The time that is left until Lambda stops the function.
    pub(crate) deadline: Option<Duration>,
    pub(crate) body: Bytes,
}

/// The Runtime API at an address.
///
/// Each call opens a connection. A connection that is kept would be closed by the other side while
/// Lambda has frozen the process.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeApi {
    address: String,
}

impl RuntimeApi {
    /// Creates the API of `address`, which is `HOST:PORT`.
    pub(crate) fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
        }
    }

    /// Waits for the next event, without an end: Lambda freezes the process meanwhile.
    pub(crate) async fn next(&self) -> Result<Received, RuntimeError> {
        let answer = self
            .call(Method::GET, "runtime/invocation/next", None, Bytes::new())
            .await?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let id = header("Lambda-Runtime-Aws-Request-Id")
            .unwrap_or_default()
            .to_owned();
        let deadline = header("Lambda-Runtime-Deadline-Ms").and_then(|millis| millis.parse().ok());
        Ok(Received {
            id,
            deadline: deadline.map(Duration::from_millis),
            body: answer.into_body(),
        })
    }

    /// Answers an event.
    pub(crate) async fn respond(&self, id: &str, answer: &Value) -> Result<(), RuntimeError> {
        let path = format!("runtime/invocation/{id}/response");
        let body = Bytes::from(answer.to_string());
        self.call(Method::POST, &path, None, body).await.map(drop)
    }

    /// Tells that an event was not handled.
    pub(crate) async fn fail(&self, id: &str, failure: &Failure) -> Result<(), RuntimeError> {
        self.tell(&format!("runtime/invocation/{id}/error"), failure)
            .await
    }

    /// Tells that the function cannot start.
    pub(crate) async fn fail_to_start(&self, failure: &Failure) -> Result<(), RuntimeError> {
        self.tell("runtime/init/error", failure).await
    }

    async fn tell(&self, path: &str, failure: &Failure) -> Result<(), RuntimeError> {
        let body = json!({
            "errorType": failure.kind,
            "errorMessage": failure.message,
            "stackTrace": [],
        });
        let body = Bytes::from(body.to_string());
        self.call(Method::POST, path, Some(failure.kind), body)
            .await
            .map(drop)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        kind: Option<&str>,
        body: Bytes,
    ) -> Result<Response<Bytes>, RuntimeError> {
        let stream = TcpStream::connect(&self.address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        // The call below tells if the connection fails.
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/{VERSION}/{path}"))
            .header(HOST, &self.address)
            .header(CONTENT_TYPE, "application/json");
        if let Some(kind) = kind {
            request = request.header(KIND, kind);
        }
        let answer = sender.send_request(request.body(Full::new(body))?).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        if !head.status.is_success() {
            return Err(RuntimeError::Refused {
                path: path.to_owned(),
                status: head.status.as_u16(),
            });
        }
        Ok(Response::from_parts(head, body))
    }
}
