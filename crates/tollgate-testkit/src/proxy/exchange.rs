//! One request through the proxy, and its answer.

use std::{error::Error, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    http::uri::{Authority, Scheme},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{counts::Counts, fault::Effect, plan::Plan};

/// Told to hyper instead of an answer, so that it closes the connection without one.
pub(super) type Closed = Box<dyn Error + Send + Sync>;

/// What the connections of one proxy have in common.
pub(super) struct Exchange {
    pub(super) plan: Plan,
    /// Requests that arrived here complete.
    pub(super) received: Counts,
    /// Requests that the upstream has answered.
    pub(super) answered: Counts,
    upstream: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
}

impl Exchange {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            plan: Plan::default(),
            received: Counts::new(),
            answered: Counts::new(),
            upstream: Client::builder(TokioExecutor::new()).build(connector),
            authority: Authority::try_from(upstream.to_string())
                .unwrap_or_else(|error| panic!("{upstream} is not an authority: {error}")),
        }
    }

    /// Reads the request to its end and does with it what the plan says.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(head, Full::new(body));
        let operation = operation(&request);

        // Struck before it is counted: whoever has seen the count may change the plan.
        let effect = self.plan.strike(&operation);
        self.received.add(&operation);
        match effect {
            None => self.forward(operation, request, Duration::ZERO).await,
            Some(Effect::Delay(delay)) => self.forward(operation, request, delay).await,
            Some(Effect::Answer(error)) => Ok(error.into_response()),
            Some(Effect::ReplaceAnswer(error)) => {
                self.forward(operation, request, Duration::ZERO).await?;
                Ok(error.into_response())
            }
            Some(Effect::Refuse) => Err("refused".into()),
            Some(Effect::BlackHole) => pending().await,
            Some(Effect::LoseResponse) => {
                self.forward(operation, request, Duration::ZERO).await?;
                Err("the response is lost".into())
            }
        }
    }

    /// Sends the request upstream and reads the whole answer, in a task of its own: a request that was
    /// received arrives, whether or not its client is still there.
    async fn forward(
        self: Arc<Self>,
        operation: String,
        mut request: Request<Full<Bytes>>,
        delay: Duration,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let forwarding = tokio::spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            *request.uri_mut() = self.upstream_uri(request.uri())?;
            let (head, body) = self.upstream.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            self.answered.add(&operation);
            Ok(Response::from_parts(head, Full::new(body)))
        });
        forwarding.await?
    }

    fn upstream_uri(&self, uri: &Uri) -> Result<Uri, Closed> {
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        Ok(Uri::from_parts(parts)?)
    }
}

/// The operation that a request names in its target, such as `UpdateItem` in
/// `DynamoDB_20120810.UpdateItem`; empty for a request of another kind.
fn operation<B>(request: &Request<B>) -> String {
    request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.rsplit('.').next())
        .unwrap_or_default()
        .to_owned()
}
