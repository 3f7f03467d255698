//! Bodies that report what was used while they are streamed.

mod content_types;
mod counts;
mod identity;
mod providers;
mod usage;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use tollgate::layer::Settle;

use crate::{
    bodies::{collect, fed, next, once},
    world::{alices_tokens, app, ask, from, layer, memory, ten_tokens},
};

/// Returns the tokens left of 100 after each of these pieces of a body of this kind, and after its
/// end. 10 tokens are charged first.
pub(super) async fn left_after(rule: Settle, kind: &str, pieces: &[&[u8]]) -> Vec<i64> {
    let (limiter, _) = memory();
    let (feed, body) = fed();
    let (body, kind) = (once(body), kind.to_owned());
    let app = app(
        layer(&limiter, ten_tokens().settle("tpm", rule)),
        move || {
            Response::builder()
                .header("content-type", &kind)
                .body(Body::new(body()))
                .unwrap()
        },
    );
    let mut body = ask(&app, from("alice")).await.into_body();
    let mut left = Vec::new();
    for piece in pieces {
        feed.send(Ok(http_body::Frame::data(Bytes::copy_from_slice(piece))))
            .unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), piece);
        // A lease is written when it ends. Until then the bucket shows the first charge.
        left.push(alices_tokens(&limiter).await);
    }
    assert!(left.iter().all(|left| *left == 90), "open until the end");
    drop(feed);
    assert_eq!(collect(body).await.unwrap().0.len(), 0);
    left.push(alices_tokens(&limiter).await);
    left
}

/// Returns the tokens left after the whole body.
pub(super) async fn left_at_the_end(rule: Settle, kind: &str, body: &str) -> i64 {
    *left_after(rule, kind, &[body.as_bytes()])
        .await
        .last()
        .unwrap()
}
