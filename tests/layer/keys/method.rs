//! Method keys.

use http::Method;
use tollgate::{
    Limit,
    layer::{KeyExtractor, RequestHead, keys},
};

use super::{entity, for_uri};
use crate::world::{ask, from, hello, layer, memory, per_user};

#[tokio::test]
async fn each_method_has_a_bucket_of_its_own() {
    let policy = per_user(Limit::per_hour("rph", 1)).resource(keys::method());
    let app = hello(layer(&memory().0, policy));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for expected in [200, 429] {
            let mut request = from("alice");
            *request.method_mut() = method.parse().unwrap();
            assert_eq!(ask(&app, request).await.status(), expected, "{method}");
        }
    }
}

/// A made-up method must not have a bucket of its own, and `HEAD` must share the bucket of `GET`.
#[tokio::test]
async fn no_client_has_more_buckets_by_other_methods() {
    let policy = per_user(Limit::per_hour("rph", 1)).resource(keys::method());
    let app = hello(layer(&memory().0, policy));
    let mut granted = 0;
    for method in [
        "GET",
        "HEAD",
        "get",
        "M-SEARCH",
        "~!#$",
        "other",
        "OTHER",
        &"X".repeat(200),
    ] {
        let mut request = from("alice");
        *request.method_mut() = method.parse().unwrap();
        granted += usize::from(ask(&app, request).await.status() == 200);
    }
    assert_eq!(granted, 2, "one of GET and HEAD, one of all others");
}

#[test]
fn a_method_key_is_the_name_of_the_method() {
    let mut request = for_uri("/");
    *request.method_mut() = Method::DELETE;
    assert_eq!(entity(&keys::method(), &request).unwrap(), "DELETE");
    let key = keys::method()
        .extract(&RequestHead::from(&request))
        .unwrap();
    assert_eq!(key.into_resource().unwrap(), "DELETE");
    *request.method_mut() = Method::from_bytes(b"~X").unwrap();
    assert_eq!(entity(&keys::method(), &request).unwrap(), "other");
}
