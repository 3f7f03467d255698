//! Hosts from the URI or the header.

use tollgate::{
    EntityId, Limit,
    layer::{KeyExtractor, keys},
};

use super::{entity, for_uri};
use crate::world::{ask, hello, layer, memory, per_user, with_headers};

fn of_uri(uri: &str) -> Option<String> {
    entity(&keys::uri_host(), &for_uri(uri))
        .ok()
        .map(String::from)
}

fn of_header(values: &[&str]) -> Option<String> {
    let headers: Vec<_> = values
        .iter()
        .map(|value| ("host", value.as_bytes()))
        .collect();
    entity(&keys::host_header(), &with_headers(&headers))
        .ok()
        .map(String::from)
}

#[test]
fn a_host_key_can_be_that_of_the_uri() {
    assert_eq!(
        of_uri("https://acme.example:8443/a?b").unwrap(),
        "acme.example"
    );
    assert_eq!(of_uri("https://ACME.Example./").unwrap(), "acme.example");
    assert_eq!(of_uri("/path"), None);
    assert_eq!(of_uri("https://user@acme.example/"), None);
}

#[test]
fn a_host_key_can_be_that_of_the_header() {
    assert_eq!(of_header(&["acme.example"]).unwrap(), "acme.example");
    assert_eq!(of_header(&[" Acme.Example:80 "]).unwrap(), "acme.example");
    assert_eq!(
        of_header(&["[2001:db8::1]:80"]).unwrap(),
        EntityId::from_untrusted("[2001:db8::1]").unwrap().as_str()
    );
    for bad in [
        &[][..],
        &[""],
        &["."],
        &["a b"],
        &["é"],
        &["u@a"],
        &["a", "a"],
        &["a/b"],
        &[":80"],
    ] {
        assert_eq!(of_header(bad), None, "{bad:?}");
    }
}

#[test]
fn the_hosts_of_uri_and_header_are_separate_keys() {
    let mut request = for_uri("https://uri.example/");
    request
        .headers_mut()
        .insert("host", "header.example".parse().unwrap());
    assert_eq!(entity(&keys::uri_host(), &request).unwrap(), "uri.example");
    assert_eq!(
        entity(&keys::host_header(), &request).unwrap(),
        "header.example"
    );
    assert_eq!(
        entity(&keys::uri_host().or(keys::host_header()), &request).unwrap(),
        "uri.example"
    );
    *request.uri_mut() = "/".parse().unwrap();
    assert!(entity(&keys::uri_host(), &request).is_err());
    assert_eq!(
        entity(&keys::uri_host().or(keys::host_header()), &request).unwrap(),
        "header.example"
    );
}

#[tokio::test]
async fn a_request_without_a_host_is_bad() {
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).entity(keys::host_header()),
    ));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 400);
    assert_eq!(
        ask(&app, with_headers(&[("host", b"a.example")]))
            .await
            .status(),
        200
    );
    assert_eq!(
        ask(&app, with_headers(&[("host", b"A.example:80")]))
            .await
            .status(),
        429
    );
}
