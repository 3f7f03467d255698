//! A table of all refusals: each reason in each form, with status, headers and body.
//!
//! `table.txt` shows the answers to clients. A change of an answer changes that file:
//! `UPDATE_TABLE=1 cargo test --test layer answers::table` writes it again. The last reason, a
//! mistake in the set-up, is shown as in debug builds. Other builds do not describe the mistake.

use std::fmt::Write;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use tollgate::layer::{Anthropic, OpenAi, PolicyBuilder, Refusal};

use super::reasons::{ALL, Why, World};
use crate::world::ask;

const TABLE: &str = include_str!("table.txt");

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    OpenAi,
    Anthropic,
    Grpc,
    GrpcWeb,
    Head,
    Custom,
}

const FORMS: [Form; 7] = [
    Form::Plain,
    Form::OpenAi,
    Form::Anthropic,
    Form::Grpc,
    Form::GrpcWeb,
    Form::Head,
    Form::Custom,
];

impl Form {
    fn policy(self, policy: PolicyBuilder) -> PolicyBuilder {
        match self {
            Self::OpenAi => policy.dialect(OpenAi::new().requests("rpm")),
            Self::Anthropic => policy.dialect(Anthropic::new().requests("rpm")),
            Self::Custom => policy.answer(|_: Refusal<'_>| {
                let mut response = Response::new(Bytes::from("no"));
                *response.status_mut() = StatusCode::IM_A_TEAPOT;
                response
            }),
            _ => policy,
        }
    }

    fn request(self, mut request: Request<Body>) -> Request<Body> {
        let (method, kind) = match self {
            Self::Head => (Method::HEAD, None),
            Self::Grpc => (Method::POST, Some("application/grpc+proto")),
            Self::GrpcWeb => (Method::POST, Some("application/grpc-web+proto")),
            _ => (Method::GET, None),
        };
        *request.method_mut() = method;
        if let Some(kind) = kind {
            request
                .headers_mut()
                .insert("content-type", kind.parse().unwrap());
        }
        if self == Self::Grpc {
            *request.version_mut() = Version::HTTP_2;
        }
        request
    }
}

async fn answer(why: Why, form: Form) -> Response<Bytes> {
    let world = World::new(why, |policy| form.policy(policy)).await;
    let (head, body) = ask(&world.app, form.request(world.request()))
        .await
        .into_parts();
    Response::from_parts(head, axum::body::to_bytes(body, 10_000).await.unwrap())
}

fn cell(why: Why, form: Form, answer: &Response<Bytes>) -> String {
    let mut cell = format!("== {why:?}, {form:?}: {}\n", answer.status().as_u16());
    let mut headers: Vec<_> = answer.headers().iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        writeln!(cell, "{name}: {}", value.to_str().expect("text")).unwrap();
    }
    if !answer.body().is_empty() {
        writeln!(
            cell,
            "\n{}",
            answer
                .body()
                .escape_ascii()
                .to_string()
                .replace("\\\"", "\"")
                .replace("\\'", "'")
        )
        .unwrap();
    }
    cell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reason_has_the_answer_of_the_table_in_every_form() {
    let mut table = String::new();
    for why in ALL {
        for form in FORMS {
            let answer = answer(why, form).await;
            assert_eq!(
                answer.headers()["cache-control"],
                "no-store",
                "{why:?}, {form:?}"
            );
            if why != Why::Setup || cfg!(debug_assertions) {
                table += &cell(why, form, &answer);
                table.push('\n');
            }
        }
    }
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write("tests/layer/answers/table.txt", table).expect("a file that can be written");
        return;
    }
    for (line, (told, expected)) in table.lines().zip(TABLE.lines()).enumerate() {
        assert_eq!(told, expected, "line {} of table.txt", line + 1);
    }
    assert!(table.len() == TABLE.len() || !cfg!(debug_assertions));
}
