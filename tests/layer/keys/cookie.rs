//! Cookies.

use tollgate::{
    EntityId, Limit,
    layer::keys::{cookie, hashed_cookie},
};

use super::entity;
use crate::world::{ask, hello, layer, memory, per_user, text, with_headers};

fn found(cookies: &[&str]) -> Option<String> {
    let headers: Vec<_> = cookies
        .iter()
        .map(|value| ("cookie", value.as_bytes()))
        .collect();
    entity(&cookie("sid"), &with_headers(&headers))
        .ok()
        .map(String::from)
}

#[test]
fn a_cookie_is_found_among_others() {
    assert_eq!(found(&["sid=abc"]).unwrap(), "abc");
    assert_eq!(found(&["a=1; sid=abc; b=2"]).unwrap(), "abc");
    assert_eq!(found(&["a=1;sid = abc ;b"]).unwrap(), "abc");
    // HTTP/2 clients may split cookies.
    assert_eq!(found(&["a=1", "sid=abc", "b=2"]).unwrap(), "abc");
    assert_eq!(
        found(&["sid=a=b"]).unwrap(),
        EntityId::from_untrusted("a=b").unwrap().as_str()
    );
}

#[test]
fn each_session_has_one_key() {
    for spelling in ["sid=abc", "sid=\"abc\"", "sid=a%62c", "sid=\"%61bc\""] {
        assert_eq!(found(&[spelling]).unwrap(), "abc", "{spelling}");
    }
}

/// A service that decodes cookie names sees two cookies with the name, and uses one of them.
#[test]
fn no_client_hides_a_second_cookie() {
    assert_eq!(found(&["s%69d=abc"]).unwrap(), "abc");
    for cookies in [
        &["sid=made-up; s%69d=abc"][..],
        &["s%69d=abc; sid=made-up"],
        &["sid=made-up", "%73id=abc"],
    ] {
        assert_eq!(found(cookies), None, "{cookies:?}");
    }
    assert_eq!(
        found(&["sid=abc; s%2569d=x; sid%00=y; s%=z"]).unwrap(),
        "abc"
    );
}

#[test]
fn other_cookies_give_no_key() {
    for cookies in [
        &["SID=abc"][..],
        &["xsid=abc"],
        &["sid"],
        &["sid="],
        &["sid=\"\""],
        &[""],
        &[],
        &["a=sid=abc"],
        &["; ;"],
    ] {
        assert_eq!(found(cookies), None, "{cookies:?}");
    }
}

#[test]
fn two_cookies_of_one_name_give_no_key() {
    assert_eq!(found(&["sid=abc; sid=def"]), None);
    assert_eq!(found(&["sid=abc", "sid=def"]), None);
    assert_eq!(found(&["sid=abc; sid="]), None);
}

#[tokio::test]
async fn a_hashed_cookie_is_a_credential() {
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).entity(hashed_cookie("sid")),
    ));
    let response = ask(&app, with_headers(&[])).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "www-authenticate")
        ),
        (401, Some("Cookie"))
    );
    let request = || with_headers(&[("cookie", b"sid=abc")]);
    assert_eq!(
        entity(&hashed_cookie("sid"), &request()).unwrap(),
        EntityId::from_secret("abc").unwrap()
    );
    assert_eq!(ask(&app, request()).await.status(), 200);
    assert_eq!(ask(&app, request()).await.status(), 429);
}

#[tokio::test]
async fn a_missing_plain_cookie_is_asked_for_with_400() {
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).entity(cookie("sid")),
    ));
    let response = ask(&app, with_headers(&[("cookie", b"other=1")])).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "www-authenticate")
        ),
        (400, None)
    );
}
