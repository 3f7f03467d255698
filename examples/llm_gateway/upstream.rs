//! The model server.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::{Chat, api::Api};

/// The request headers that are passed to the model.
const ASKED: [HeaderName; 2] = [
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-beta"),
];

/// The response headers that are passed to the client. Others, such as those of the connection, are
/// dropped.
const ANSWERED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
];

/// The model server.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) api: Api,
    url: Arc<str>,
    client: Client<HttpConnector, Body>,
}

impl Upstream {
    pub(super) fn new(api: Api, url: &str) -> Self {
        let url = format!("{}{}", url.trim_end_matches('/'), api.path()).into();
        Self {
            api,
            url,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends a request to the model and returns its response, as a stream.
    pub(super) async fn ask(&self, chat: &Chat, headers: &HeaderMap) -> Response {
        let body = Body::from(Value::Object(chat.clone()).to_string());
        let request = Request::post(&*self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let Ok(mut request) = request else {
            return self.api.error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The address of the model is no URL.",
            );
        };
        copy(&ASKED, headers, request.headers_mut());
        let Ok(answer) = self.client.request(request).await else {
            return self
                .api
                .error(StatusCode::BAD_GATEWAY, "The model cannot be reached.");
        };
        let (head, body) = answer.into_parts();
        let mut response = (head.status, Body::new(body)).into_response();
        copy(&ANSWERED, &head.headers, response.headers_mut());
        response
    }
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
