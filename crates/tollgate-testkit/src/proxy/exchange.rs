//! Handles one request through the proxy, and its answer.

use std::{
    error::Error,
    future::pending,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    header::{DATE, HeaderValue},
    http::uri::{Authority, Scheme},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    counts::Counts,
    fault::Effect,
    observer::{Observed, Observer},
    plan::Plan,
};

/// The error that makes hyper close the connection without an answer.
pub(super) type Closed = Box<dyn Error + Send + Sync>;

/// The state that all connections of one proxy share.
pub(super) struct Exchange {
    pub(super) plan: Plan,
    /// The number of complete requests that arrived.
    pub(super) received: Counts,
    /// The number of requests that the upstream has answered.
    pub(super) answered: Counts,
    upstream: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    /// Observes every forwarded request and its answer.
    observer: Option<Arc<dyn Observer>>,
}

impl Exchange {
    pub(super) fn new(upstream: SocketAddr, observer: Option<Arc<dyn Observer>>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            plan: Plan::default(),
            received: Counts::new(),
            answered: Counts::new(),
            upstream: Client::builder(TokioExecutor::new()).build(connector),
            authority: Authority::try_from(upstream.to_string())
                .unwrap_or_else(|error| panic!("{upstream} is not an authority: {error}")),
            observer,
        }
    }

    /// Reads the whole request and applies the plan's fault to it.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(head, body);
        let operation = operation(&request);

        // The fault is applied before the request is counted, because a test that has seen the
        // count may change the plan.
        let effect = self.plan.strike(&operation);
        self.received.add(&operation);
        match effect {
            None => self.forward(operation, request, Duration::ZERO).await,
            Some(Effect::Delay(delay)) => self.forward(operation, request, delay).await,
            Some(Effect::Distance(way)) => {
                let answer = self.forward(operation, request, way).await;
                tokio::time::sleep(way).await;
                answer
            }
            Some(Effect::Date(time)) => {
                let mut answer = self.forward(operation, request, Duration::ZERO).await?;
                let date = HeaderValue::from_str(&httpdate::fmt_http_date(time))?;
                answer.headers_mut().insert(DATE, date);
                Ok(answer)
            }
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

    /// Sends the request upstream and reads the whole answer, in a task of its own. So a received
    /// request is forwarded even if its client is gone.
    async fn forward(
        self: Arc<Self>,
        operation: String,
        request: Request<Bytes>,
        delay: Duration,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let received = SystemTime::now();
        let forwarding = tokio::spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let (mut head, body) = request.into_parts();
            head.uri = self.upstream_uri(&head.uri)?;
            let sent = SystemTime::now();
            let answer = self
                .ask(Request::from_parts(head, Full::new(body.clone())))
                .await;
            if let Some(observer) = &self.observer {
                let (operation, answer) = (operation.as_str(), answer.as_ref());
                observer.observe(&Observed {
                    operation,
                    request: &body,
                    answer,
                    received,
                    sent,
                });
            }
            let answer = answer?;
            self.answered.add(&operation);
            Ok(answer.map(Full::new))
        });
        forwarding.await?
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Closed> {
        let (head, body) = self.upstream.request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    fn upstream_uri(&self, uri: &Uri) -> Result<Uri, Closed> {
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        Ok(Uri::from_parts(parts)?)
    }
}

/// Returns the operation in a request's target header, such as `UpdateItem` in
/// `DynamoDB_20120810.UpdateItem`; empty if there is none.
fn operation<B>(request: &Request<B>) -> String {
    request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.rsplit('.').next())
        .unwrap_or_default()
        .to_owned()
}
