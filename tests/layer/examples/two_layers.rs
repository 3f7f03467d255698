//! `examples/two_layers.rs`.

#[path = "../../../examples/two_layers.rs"]
#[allow(dead_code, reason = "its main")]
mod example;

use http::Method;

use super::status;
use crate::world::{Remote, memory};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_keys_reach_the_table_only_as_often_as_their_address_may() {
    let Remote {
        limiter,
        engine: _engine,
        proxy,
    } = Remote::start().await;
    let of_opening = proxy.received("PutItem");
    let app = example::app(&memory().0, &limiter).unwrap();
    for key in 0..100 {
        let expected = if key < 20 { 200 } else { 429 };
        assert_eq!(
            status(&app, Method::GET, "/", Some(&format!("made-up-{key}"))).await,
            expected,
            "{key}"
        );
    }
    limiter.shutdown().await;
    assert_eq!(
        proxy.received("PutItem") - of_opening,
        20,
        "a bucket for each key that got through"
    );
    assert_eq!(
        status(&app, Method::GET, "/", None).await,
        429,
        "without a key, too"
    );
}
