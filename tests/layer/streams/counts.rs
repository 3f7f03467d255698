//! Settlement by the number of bytes or events.

use tollgate::layer::Settle;

use super::left_at_the_end;

const EVENTS: &str = "text/event-stream";
const STREAM: &str = ": hello\n\ndata: a\n\nevent: b\ndata: b\n\nevent: none\n\ndata: c\r\ndata: c\r\n\r\ndata: unfinished";

#[tokio::test]
async fn a_body_is_settled_by_its_bytes() {
    let fours = || Settle::bytes(|bytes| bytes.div_ceil(4));
    assert_eq!(
        left_at_the_end(fours(), "text/plain", &"x".repeat(81)).await,
        79
    );
    assert_eq!(
        left_at_the_end(fours().add(), "text/plain", &"x".repeat(81)).await,
        69
    );
    assert_eq!(left_at_the_end(fours(), "text/plain", "").await, 100);
}

#[tokio::test]
async fn a_body_is_settled_by_its_events() {
    assert_eq!(
        left_at_the_end(Settle::events(|events| events * 10), EVENTS, STREAM).await,
        70
    );
    assert_eq!(
        left_at_the_end(Settle::events(|events| events * 10).add(), EVENTS, STREAM).await,
        60
    );
    assert_eq!(
        left_at_the_end(Settle::events(|events| events * 10), "text/plain", STREAM).await,
        90
    );
    assert_eq!(
        left_at_the_end(Settle::events(|_| u64::MAX), EVENTS, STREAM).await,
        90,
        "absurd"
    );
}
