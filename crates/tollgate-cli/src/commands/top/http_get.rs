//! Reads a page of metrics over plain HTTP.

use std::{error::Error, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::prometheus;
use crate::failure::Failure;

/// The longest time for a page.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest page, in bytes.
const LONGEST: usize = 64 << 20;

/// Reads a URL from the arguments.
pub(super) fn url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "it is no URL")?;
    match (url.scheme_str(), url.host()) {
        (Some("http"), Some(_)) => Ok(url),
        _ => Err("it must begin with http:// and name a host"),
    }
}

/// Returns the metrics of a page.
pub(super) async fn get(url: &Uri) -> Result<String, Failure> {
    let refused = |reason: &dyn std::fmt::Display| {
        Failure::Refused(format!("no metrics from {url}: {reason}"))
    };
    match tokio::time::timeout(DEADLINE, page(url)).await {
        Ok(Ok(text)) if prometheus::is_text(&text) => Ok(text),
        Ok(Ok(_)) => Err(refused(&"the page is not in Prometheus' text format")),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(refused(&format!(
            "no answer within {} s",
            DEADLINE.as_secs()
        ))),
    }
}

async fn page(url: &Uri) -> Result<String, Box<dyn Error + Send + Sync>> {
    let host = url.host().unwrap_or_default();
    let address = (host.trim_matches(['[', ']']), url.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped.
    tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    let request = Request::get(path).header(HOST, authority);
    let answer = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    if !answer.status().is_success() {
        return Err(format!("the answer is {}", answer.status()).into());
    }
    let body = Limited::new(answer.into_body(), LONGEST).collect().await?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}
