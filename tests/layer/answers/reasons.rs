//! All reasons for which a request is refused.

use axum::{Router, body::Body};
use http::Request;
use tollgate::{
    Limit,
    layer::{PolicyBuilder, cost, keys},
};

use crate::world::{Remote, ask, from, gated, hello, layer, memory, per_user, with_headers};

/// The reason for which a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Denied,
    ExceedsCapacity,
    Disabled,
    Unavailable,
    MissingKey,
    MissingCredential,
    Setup,
}

pub(super) const ALL: [Why; 7] = [
    Why::Denied,
    Why::ExceedsCapacity,
    Why::Disabled,
    Why::Unavailable,
    Why::MissingKey,
    Why::MissingCredential,
    Why::Setup,
];

/// A service that refuses requests, with everything that it needs to keep running.
pub(super) struct World {
    pub(super) app: Router,
    why: Why,
    _remote: Option<Remote>,
}

impl World {
    /// Refuses each [request](Self::request). `adapt` completes the policy.
    pub(super) async fn new(why: Why, adapt: impl Fn(PolicyBuilder) -> PolicyBuilder) -> Self {
        let policy = per_user(Limit::per_minute("rpm", 5)).estimate("rpm", cost::header("x-cost"));
        let policy = adapt(match why {
            Why::MissingCredential => policy.entity(keys::hashed_header("x-key")),
            Why::Setup => policy.entity(keys::peer_ip()),
            _ => policy,
        });
        let mut kept = None;
        let limiter = match why {
            Why::Unavailable => {
                let limiter = gated().0;
                limiter.shutdown().await;
                limiter
            }
            Why::Disabled => kept.insert(Remote::start().await).limiter.clone(),
            _ => memory().0,
        };
        let app = hello(layer(&limiter, policy));
        if matches!(why, Why::Denied | Why::Disabled) {
            // A disabled bucket is refused although it has tokens left.
            let cost: &[u8] = if why == Why::Denied { b"5" } else { b"1" };
            assert_eq!(
                ask(
                    &app,
                    with_headers(&[("x-user", b"alice"), ("x-cost", cost)])
                )
                .await
                .status(),
                200
            );
        }
        if let Some(remote) = &kept {
            disable_alice(remote).await;
        }
        Self {
            app,
            why,
            _remote: kept,
        }
    }

    pub(super) fn request(&self) -> Request<Body> {
        match self.why {
            Why::ExceedsCapacity => with_headers(&[("x-user", b"alice"), ("x-cost", b"6")]),
            Why::MissingKey => with_headers(&[]),
            _ => from("alice"),
        }
    }
}

/// Disables the bucket of `alice` as a newer Python client does.
async fn disable_alice(remote: &Remote) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let client = remote.engine.client();
    let table = client.list_tables().send().await.unwrap().table_names()[0].clone();
    let items = client
        .scan()
        .table_name(&table)
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    let is_bucket = |item: &&std::collections::HashMap<String, AttributeValue>| {
        item.contains_key("b_rpm_tk") && format!("{item:?}").contains("alice")
    };
    let mut item = items.iter().find(is_bucket).expect("her bucket").clone();
    item.insert("disabled".to_owned(), AttributeValue::Bool(true));
    client
        .put_item()
        .table_name(&table)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
}
