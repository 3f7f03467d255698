//! Generated requests.

use http::Version;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Victim;
use crate::keys::hostile::{Client, HEADERS};

/// Number of requests that are sent without waiting for answers.
const PIPELINED: u64 = 20;

/// Returns a request in wire format, valid in most cases.
fn written(client: &mut Client, last: bool) -> Vec<u8> {
    let mut request = client
        .pick(&["GET", "GET", "POST", "HEAD", "OPTIONS", "PUT", "X", "get"])
        .as_bytes()
        .to_vec();
    let target = client.pick(&[
        "/",
        "/a",
        "/a/b",
        "//a",
        "/%61",
        "/x/../a",
        "/healthz",
        "/?user=%ff&user",
        "*",
    ]);
    match client.pick(&[0, 0, 0, 1]) {
        0 => request.extend(format!(" {target} HTTP/1.1\r\nhost: test\r\n").bytes()),
        _ => request.extend(format!(" {} HTTP/1.1\r\nhost: test\r\n", client.uri()).bytes()),
    }
    for name in HEADERS.into_iter().chain(["x-tokens"]) {
        if name == "host" || client.pick(&[true, false]) {
            continue;
        }
        let line = [name.as_bytes(), b": ", &client.value(), b"\r\n"].concat();
        // Some requests have an invalid value.
        let bare = line[..line.len() - 2]
            .iter()
            .any(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
        if !bare || client.pick(&[false; 20]) {
            request.extend(line);
        }
    }
    let end = client.pick(&[
        "\r\n",
        "\r\n",
        "\r\n",
        "content-length: 5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "x-tokens: 99999999999999999999\r\n\r\n",
        "x-tokens: 1e9\r\nx-tokens: 5\r\n\r\n",
        "origin: null\r\naccess-control-request-method: x\r\n\r\n",
        "content-type: application/grpc\r\nte: trailers\r\n\r\n",
        "content-type: application/grpc-web-text\r\n\r\n",
    ]);
    request.extend(if last {
        &b"connection: close\r\n"[..]
    } else {
        b""
    });
    request.extend(end.bytes());
    // One request in forty is broken.
    if client.pick(&[0; 1]) == 0 && client.value().len() % 40 == 7 {
        request.insert(request.len() / 2, 0);
    }
    request
}

/// Returns the statuses of the responses in the received bytes.
fn statuses(read: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(read);
    text.split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| {
            rest.get(..3)
                .and_then(|status| status.parse().ok())
                .unwrap()
        })
        .collect()
}

async fn over_http1(victim: Victim, requests: u64) {
    let mut seen = std::collections::BTreeMap::new();
    for batch in 0..requests / PIPELINED {
        let mut stream = victim.connect().await;
        let (mut read_half, mut write_half) = stream.split();
        let mut sent = Vec::new();
        for number in 0..PIPELINED {
            sent.extend(written(
                &mut Client::new(batch * PIPELINED + number),
                number + 1 == PIPELINED,
            ));
        }
        let mut read = Vec::new();
        // The server may close the connection before everything is sent.
        let _ = tokio::join!(
            write_half.write_all(&sent),
            read_half.read_to_end(&mut read)
        );
        for status in statuses(&read) {
            assert!(
                matches!(status, 200 | 400 | 401 | 414 | 429 | 431),
                "batch {batch}: {status}"
            );
            *seen.entry(status).or_insert(0_u32) += 1;
        }
    }
    for status in [200, 400, 401, 429] {
        assert!(
            seen.get(&status).is_some_and(|count| *count > 0),
            "{seen:?}"
        );
    }
    victim.assert_unharmed(|handled| handled).await;
}

#[tokio::test]
async fn generated_requests_do_no_harm_over_http1_in_memory() {
    over_http1(Victim::in_memory().await, 10_000).await;
}

#[tokio::test]
async fn generated_requests_do_no_harm_over_http1_through_gates() {
    over_http1(Victim::gated().await, 2_000).await;
}

#[tokio::test]
async fn generated_requests_do_no_harm_over_http2() {
    let victim = Victim::in_memory().await;
    let stream = TokioIo::new(victim.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let mut seen = std::collections::BTreeMap::new();
    for number in 0..1_500 {
        let client = &mut Client::new(number);
        let path = client.pick(&[
            "/",
            "/a",
            "/a/b",
            "//a",
            "/%61",
            "/x/../a",
            "/healthz",
            "/?user=%ff&user",
        ]);
        let mut request = http::Request::builder()
            .method(client.pick(&["GET", "POST", "HEAD", "OPTIONS", "X"]))
            .version(Version::HTTP_2)
            .uri(format!("http://test{path}"));
        for name in HEADERS
            .into_iter()
            .filter(|name| *name != "host")
            .chain(["x-tokens"])
        {
            if let (true, Ok(value)) = (
                client.pick(&[true, false]),
                http::HeaderValue::from_bytes(&client.value()),
            ) {
                request = request.header(name, value);
            }
        }
        let request = request
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        sender.ready().await.expect("the connection goes on");
        let response = sender.send_request(request);
        // Some requests are dropped at once, so their streams are reset.
        if number % 10 == 3 {
            drop(response);
            continue;
        }
        let status = response.await.unwrap().status().as_u16();
        assert!(
            matches!(status, 200 | 400 | 401 | 429),
            "{number}: {status}"
        );
        *seen.entry(status).or_insert(0_u32) += 1;
    }
    for status in [200, 400, 401, 429] {
        assert!(
            seen.get(&status).is_some_and(|count| *count > 0),
            "{seen:?}"
        );
    }
    drop(sender);
    let _ = connection.await;
    victim.assert_unharmed(|handled| handled).await;
}
