//! Closures are extractors, and so are their combinations with other extractors.

use http::{HeaderValue, Method, Request, Version};
use tollgate::{
    Limit,
    layer::{Key, KeyExtractor, MissingKey, RequestHead, keys},
};

use crate::world::{ask, from, hello, layer, left_of, memory, per_user, text, with_headers};

#[tokio::test]
async fn a_closure_is_an_extractor() {
    let (limiter, _) = memory();
    let by_method = |head: &RequestHead<'_>| Ok(Key::name(head.method.as_str()));
    let limit = Limit::per_hour("rph", 1);
    let app = hello(layer(&limiter, per_user(limit.clone()).resource(by_method)));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    let mut post = from("alice");
    *post.method_mut() = Method::POST;
    assert_eq!(ask(&app, post).await.status(), 200);
    assert_eq!(left_of(&limiter, "alice", "GET", &limit).await, 0);
}

/// Extractors see the whole head, and do not depend on the type of the body, so they fit into one
/// table.
#[test]
fn extractors_see_the_whole_head_of_requests_with_any_body() {
    let extractors: [Box<dyn KeyExtractor>; 5] = [
        Box::new(|head: &RequestHead<'_>| Ok(Key::untrusted(head.method.as_str()))),
        Box::new(|head: &RequestHead<'_>| Ok(Key::untrusted(head.uri.path()))),
        Box::new(|head: &RequestHead<'_>| Ok(Key::untrusted(format!("{:?}", head.version)))),
        Box::new(|head: &RequestHead<'_>| Ok(Key::untrusted(head.headers["x-user"].as_bytes()))),
        Box::new(keys::extension(|number: &u8| {
            Key::untrusted(number.to_string())
        })),
    ];
    fn seen<B>(extractors: &[Box<dyn KeyExtractor>], body: B) -> Vec<String> {
        let request = Request::post("/path")
            .version(Version::HTTP_2)
            .header("x-user", "alice")
            .extension(7_u8);
        let request = request.body(body).unwrap();
        let keys = extractors
            .iter()
            .map(|extractor| extractor.extract(&RequestHead::from(&request)).unwrap());
        keys.map(|key| key.into_entity().unwrap().into()).collect()
    }
    let path: String = tollgate::EntityId::from_untrusted("/path").unwrap().into();
    let version: String = tollgate::EntityId::from_untrusted("HTTP/2.0")
        .unwrap()
        .into();
    let expected = ["POST", &path, &version, "alice", "7"];
    assert_eq!(seen(&extractors, ()), expected);
    assert_eq!(seen(&extractors, "text"), expected);
}

#[tokio::test]
async fn a_closure_can_try_one_extractor_after_another() {
    let (first, second) = (keys::bearer_token(), keys::header("x-user"));
    let either =
        move |head: &RequestHead<'_>| first.extract(head).or_else(|_| second.extract(head));
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).entity(either),
    ));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(
        ask(&app, with_headers(&[("authorization", b"Bearer alice")]))
            .await
            .status(),
        200
    );
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 400);
}

#[tokio::test]
async fn a_closure_says_what_is_missing() {
    let answer = async |missing: MissingKey| {
        let closure = move |_: &RequestHead<'_>| Err(missing.clone());
        ask(
            &hello(layer(
                &memory().0,
                per_user(Limit::per_hour("rph", 1)).entity(closure),
            )),
            from("alice"),
        )
        .await
    };
    assert_eq!(answer(MissingKey::absent("the tenant")).await.status(), 400);
    assert_eq!(answer(MissingKey::setup("no tenants")).await.status(), 500);
    let challenge = HeaderValue::from_static("Digest realm=\"x\"");
    let response = answer(MissingKey::credential("a digest", challenge)).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        text(&response, "www-authenticate"),
        Some("Digest realm=\"x\"")
    );
}

#[tokio::test]
async fn an_empty_key_is_missing() {
    for key in [Key::untrusted(""), Key::secret("")] {
        let closure = move |_: &RequestHead<'_>| Ok(key.clone());
        let app = hello(layer(
            &memory().0,
            per_user(Limit::per_hour("rph", 1)).entity(closure),
        ));
        assert_eq!(ask(&app, from("alice")).await.status(), 400);
    }
}
