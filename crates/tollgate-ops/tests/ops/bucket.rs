//! Archives in a bucket, whose storage answers as it was told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodbstreams::config::{Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tollgate_ops::{
    OpsError,
    archive::{Archive, ArchiveBucket},
    follow::AggregatorState,
};
use tollgate_testkit::Engine;

use crate::{
    archive::expired_event,
    stage::{STACK, Stage, options},
};

/// A request: its head, and its body.
#[derive(Clone, Debug)]
struct Received {
    head: String,
    body: Vec<u8>,
}

/// A storage that remembers what it received.
struct Storage {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Storage {
    /// Starts a storage that answers with these codes, and then with the last one.
    async fn start(codes: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let memory = Arc::clone(&received);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let number = {
                    let mut memory = memory.lock().unwrap();
                    memory.push(request);
                    memory.len() - 1
                };
                let code = codes[number.min(codes.len() - 1)];
                let text = "<Code>AsTheTestSays</Code>";
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {code} Answer\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn archive(&self) -> Archive {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .build();
        let endpoint = format!("http://{}", self.address);
        let bucket = ArchiveBucket::parse("s3://the-bucket/some/where", &config, Some(&endpoint));
        Archive::Bucket(bucket.unwrap())
    }
}

async fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap())
        });
        let body = bytes[end + 4..].to_vec();
        if body.len() >= length.unwrap() {
            return Received { head, body };
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_put_signed_and_a_failing_storage_is_tried_again() {
    let stage = Stage::new(Engine::start().await).await;
    expired_event(&stage, "user-1").await;
    let storage = Storage::start(&[503, 200]).await;
    let mut options = options();
    options.archive = Some(storage.archive());
    assert_eq!(stage.once(&options).await.0.unwrap().archived, 1);
    let received = storage.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[1].body[..2], [0x1f, 0x8b], "gzip");
    let head = &received[1].head;
    assert!(
        head.starts_with("PUT /the-bucket/some/where/audit/year%3D"),
        "{head}"
    );
    let lower = head.to_lowercase();
    for part in [
        "authorization: aws4-hmac-sha256 credential=test/",
        "/eu-west-1/s3/aws4_request",
        "signedheaders=content-encoding;content-type;host;x-amz-content-sha256;x-amz-date",
        "content-encoding: gzip",
        "content-type: application/x-ndjson",
    ] {
        assert!(lower.contains(part), "{part}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_refused_stops_the_aggregator_before_its_checkpoint() {
    let mut stage = Stage::new(Engine::start().await).await;
    expired_event(&stage, "user-1").await;
    stage.consume("user-1", "api", &[3]).await;
    let storage = Storage::start(&[403, 200]).await;
    let mut options = options();
    options.lease = std::time::Duration::ZERO;
    options.archive = Some(storage.archive());
    let refused = stage.once(&options).await.0.unwrap_err();
    assert!(matches!(refused, OpsError::Upload { .. }), "{refused:?}");
    assert!(std::error::Error::source(&refused).is_some());
    let text = refused.to_string();
    assert!(
        text.starts_with("the object s3://the-bucket/some/where/audit/year=")
            && text.ends_with("status 403: <Code>AsTheTestSays</Code>"),
        "{text}"
    );
    let state = AggregatorState::read(&stage.engine.client(), STACK).await;
    let checkpoint = state.unwrap().unwrap().checkpoint;
    assert!(checkpoint.is_none_or(|checkpoint| checkpoint.positions.is_empty()));
    // The next aggregator stores the same object, and counts everything.
    assert_eq!(stage.once(&options).await.0.unwrap().archived, 1);
    let paths: Vec<String> = storage
        .received()
        .iter()
        .map(|request| request.head.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(paths.len(), 2);
    assert_eq!(paths[0], paths[1]);
    stage.assert_exact("after the refusal").await;
}
