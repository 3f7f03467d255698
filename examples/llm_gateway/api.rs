//! The APIs that clients speak.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tollgate::layer::{Anthropic, Dialect, OpenAi};

/// An API that clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    OpenAi,
    Anthropic,
}

impl Api {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// Returns the dialect of the API: the headers with the limits, and the errors of refusals.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi => OpenAi::new().requests("rpm").tokens("tpm").into(),
            Self::Anthropic => Anthropic::new().requests("rpm").tokens("tpm").into(),
        }
    }

    /// Returns an error of the gateway itself, in the format of the API.
    pub(super) fn error(self, status: StatusCode, message: &str) -> Response {
        let kind = match (self, status.as_u16()) {
            (Self::Anthropic, 401) => "authentication_error",
            (Self::Anthropic, 413) => "request_too_large",
            (_, 400..=499) => "invalid_request_error",
            (Self::OpenAi, _) => "server_error",
            (Self::Anthropic, _) => "api_error",
        };
        let body = match self {
            Self::OpenAi => {
                let code = (status == StatusCode::UNAUTHORIZED).then_some("invalid_api_key");
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
        };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                header::HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}
