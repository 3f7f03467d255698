//! `examples/llm_gateway.rs`, over sockets.

#[path = "../../../examples/llm_gateway.rs"]
#[allow(dead_code, reason = "its main")]
mod example;

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tollgate::{EntityId, RateLimiter};

use crate::{
    sockets::serve,
    world::{Remote, text},
};

const CHAT: &str = "/v1/chat/completions";

/// The gateway and the model behind it. The clock stands still, so nothing is refilled even on a
/// slow machine.
struct World {
    remote: Remote,
    gateway: String,
    model: String,
}

impl World {
    async fn start(remote: Remote) -> Self {
        let url = |address| format!("http://{address}");
        let model = url(serve(example::fake_model()).await);
        let known = example::set_up(&remote.limiter).await.unwrap();
        let gateway = url(serve(example::gateway(&remote.limiter, known, &model).unwrap()).await);
        Self {
            gateway: gateway + CHAT,
            model: model + CHAT,
            remote,
        }
    }

    async fn ask(&self, key: &str, chat: &Value) -> Response<String> {
        post(&self.gateway, key, chat).await
    }

    /// Sends a request as Anthropic's clients do.
    async fn ask_messages(&self, key: &str, chat: &Value) -> Response<String> {
        let request =
            Request::post(self.gateway.replace(CHAT, "/v1/messages")).header("x-api-key", key);
        send(
            request
                .header("content-type", "application/json")
                .body(Body::from(chat.to_string()))
                .unwrap(),
        )
        .await
    }

    /// Waits until the key and its project have these amounts left of a limit.
    async fn left(&self, key: &str, limit: &str, own: i64, project: i64) {
        let key = EntityId::from_secret(key).unwrap();
        let want = [(key.as_str(), own), ("project-search", project)];
        for (entity, want) in want {
            let mut left = left(&self.remote.limiter, entity, limit).await;
            for _ in 0..1000 {
                if left == want {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                left = self::left(&self.remote.limiter, entity, limit).await;
            }
            assert_eq!(left, want, "{limit} of {entity}");
        }
    }
}

async fn left(limiter: &RateLimiter, entity: &(impl AsRef<str> + ?Sized), limit: &str) -> i64 {
    limiter
        .available(entity.as_ref(), "chat")
        .await
        .unwrap()
        .get(limit)
        .unwrap()
        .available
}

async fn post(url: &str, key: &str, chat: &Value) -> Response<String> {
    let request = Request::post(url)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Body::from(chat.to_string()))
        .unwrap();
    send(request).await
}

async fn send(request: Request<Body>) -> Response<String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Returns a prompt of `words` words.
fn prompt(words: usize) -> Value {
    json!([{"role": "user", "content": vec!["how"; words].join(" ")}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_use_is_charged_to_key_and_project() {
    let world = World::start(Remote::start().await).await;
    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(5), "max_tokens": 50}),
        )
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(text(&answer, "x-ratelimit-limit-tokens"), Some("1000"));
    assert_eq!(
        text(&answer, "x-ratelimit-remaining-tokens"),
        Some("945"),
        "the estimate: 5 and 50"
    );
    assert_eq!(text(&answer, "x-ratelimit-remaining-requests"), Some("59"));
    let body: Value = serde_json::from_str(answer.body()).unwrap();
    assert_eq!(body["usage"]["total_tokens"], 10);
    world.left("sk-alice", "tpm", 990, 1490).await;

    let stream = json!({"messages": prompt(5), "max_tokens": 50, "stream": true});
    let answer = world.ask("sk-alice", &stream).await;
    assert_eq!(text(&answer, "content-type"), Some("text/event-stream"));
    assert_eq!(
        *answer.body(),
        *post(&world.model, "", &stream).await.body(),
        "as the client asked for it"
    );
    assert!(!answer.body().contains("total_tokens"), "{}", answer.body());
    world.left("sk-alice", "tpm", 980, 1480).await;
    world.left("sk-alice", "rpm", 58, 98).await;

    let mut asked = stream.clone();
    asked["stream_options"] = json!({"include_usage": true});
    let answer = world.ask("sk-alice", &asked).await;
    assert_eq!(*answer.body(), *post(&world.model, "", &asked).await.body());
    assert!(
        answer.body().contains("\"total_tokens\":10"),
        "{}",
        answer.body()
    );
    world.left("sk-alice", "tpm", 970, 1470).await;

    // Without `max_tokens`, the estimate is learned from earlier requests.
    let answer = world.ask("sk-alice", &json!({"messages": prompt(5)})).await;
    assert_eq!(text(&answer, "x-ratelimit-remaining-tokens"), Some("960"));
    world.left("sk-alice", "tpm", 960, 1460).await;
}

/// A prompt whose content consists of parts must not count as zero words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_in_parts_counts_with_its_images() {
    let world = World::start(Remote::start().await).await;
    let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", "A".repeat(9000))}});
    let content = json!([{"type": "text", "text": "how are you"}, image, {"type": "text", "text": "today then"}]);
    let prompt = json!([{"role": "user", "content": content}]);
    let answer = world
        .ask("sk-alice", &json!({"messages": prompt, "max_tokens": 50}))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        text(&answer, "x-ratelimit-remaining-tokens"),
        Some("144"),
        "the estimate: 6, 800 for the image, and 50"
    );
    world.left("sk-alice", "tpm", 144, 644).await;
    // A request without a prompt and with `max_tokens` 0 is charged one token.
    let answer = world
        .ask("sk-alice", &json!({"messages": [], "max_tokens": 0}))
        .await;
    assert_eq!(
        text(&answer, "x-ratelimit-remaining-tokens"),
        Some("144"),
        "given back by its 400"
    );
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_used_its_limit_is_told_when_to_come_back() {
    let world = World::start(Remote::start().await).await;
    assert_eq!(
        world
            .ask(
                "sk-alice",
                &json!({"messages": prompt(400), "max_tokens": 400})
            )
            .await
            .status(),
        200
    );
    world.left("sk-alice", "tpm", 200, 700).await;

    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(100), "max_tokens": 400}),
        )
        .await;
    assert_eq!(answer.status(), 429);
    // 300 tokens are missing, and 1000 are refilled each minute.
    assert_eq!(text(&answer, "retry-after"), Some("18"));
    assert_eq!(text(&answer, "x-ratelimit-remaining-tokens"), Some("200"));
    // Bob has a limit of his own, but shares the project with Alice.
    let answer = world
        .ask(
            "sk-bob",
            &json!({"messages": prompt(100), "max_tokens": 800}),
        )
        .await;
    assert_eq!(
        (answer.status().as_u16(), text(&answer, "retry-after")),
        (429, Some("8"))
    );
    assert!(answer.body().contains("parent.tpm"), "{}", answer.body());
    world.left("sk-bob", "tpm", 1000, 700).await;

    // The cost exceeds the capacity, so waiting does not help.
    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(1), "max_tokens": u64::MAX}),
        )
        .await;
    assert_eq!(
        (answer.status().as_u16(), text(&answer, "retry-after")),
        (429, None)
    );
    assert_eq!(
        (
            text(&answer, "x-should-retry"),
            text(&answer, "retry-after-ms")
        ),
        (Some("false"), None)
    );
    let answer = world
        .ask("sk-mallory", &json!({"messages": prompt(1)}))
        .await;
    assert_eq!(answer.status(), 401);
    assert!(
        answer.body().contains("invalid_api_key"),
        "{}",
        answer.body()
    );
    world.left("sk-alice", "tpm", 200, 700).await;
    world.left("sk-alice", "rpm", 59, 99).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_request_uses_no_tokens_and_one_without_a_model_uses_nothing() {
    let world = World::start(Remote::start().await).await;
    let answer = world.ask("sk-alice", &json!({"messages": []})).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.body().contains("Say something")
        ),
        (400, true)
    );
    world.left("sk-alice", "tpm", 1000, 1500).await;
    world.left("sk-alice", "rpm", 59, 99).await;

    // A port without a listener.
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let known = [EntityId::from_secret("sk-alice").unwrap()].into();
    let gateway =
        example::gateway(&world.remote.limiter, known, &format!("http://{free}")).unwrap();
    let gateway = format!("http://{}{CHAT}", serve(gateway).await);
    let answer = post(&gateway, "sk-alice", &json!({"messages": prompt(5)})).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.body().contains("\"message\"")
        ),
        (502, true)
    );
    world.left("sk-alice", "tpm", 1000, 1500).await;
    world.left("sk-alice", "rpm", 59, 99).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_midway_pays_for_the_prompt_and_what_has_come() {
    let world = World::start(Remote::start().await).await;
    let chat = json!({"messages": prompt(300), "max_tokens": 400, "stream": true});
    let request = Request::post(&world.gateway)
        .header("authorization", "Bearer sk-alice")
        .header("content-type", "application/json")
        .body(Body::from(chat.to_string()))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let mut body = client.request(request).await.unwrap().into_body();
    // Read a few of the 300 words.
    let mut words = 0;
    while words < 3 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        words += String::from_utf8_lossy(&piece)
            .matches("chat.completion.chunk")
            .count();
    }
    drop((body, client));
    // 700 tokens are charged until the gateway notices that the client has gone.
    let charged = async || {
        1000 - left(
            &world.remote.limiter,
            &EntityId::from_secret("sk-alice").unwrap(),
            "tpm",
        )
        .await
    };
    for _ in 0..1000 {
        if charged().await != 700 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let charged = charged().await;
    // All words are charged if the machine is too busy to notice.
    assert!((303..=600).contains(&charged), "{charged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_outruns_its_lease_ends() {
    let world = World::start(Remote::start().await).await;
    // 100 tokens are charged at first. The whole stream would use 700 and the prompt, and the key
    // has 1000.
    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(700), "stream": true}),
        )
        .await;
    assert_eq!(answer.status(), 200);
    let events = answer.body().matches("chat.completion.chunk").count();
    assert!((300..700).contains(&events), "{events}");
    let last = answer.body().trim_end().lines().last().unwrap();
    let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(error["error"]["message"], "The limit tpm is reached.");
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(5), "max_tokens": 50}),
        )
        .await;
    assert_eq!(answer.status(), 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_decides_by_a_share_of_the_limits_without_the_table() {
    let remote = Remote::with(RateLimiter::builder().deadline(Duration::from_secs(2))).await;
    let world = World::start(remote).await;
    let chat = json!({"messages": prompt(5), "max_tokens": 50});
    assert_eq!(world.ask("sk-alice", &chat).await.status(), 200);
    world.remote.engine.stop().await;
    let answer = world.ask("sk-alice", &chat).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            text(&answer, "x-ratelimit-limit-tokens")
        ),
        (200, Some("125"))
    );
    let answer = world
        .ask(
            "sk-alice",
            &json!({"messages": prompt(5), "max_tokens": 200}),
        )
        .await;
    assert_eq!(
        answer.status(),
        503,
        "more than the share of a bucket holds"
    );
}

/// Estimates must count a prompt that is a list, and must read `max_completion_tokens`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn estimates_know_the_shapes_of_requests() {
    let world = World::start(Remote::start().await).await;
    // The gateway's limiter counts a settlement before it is written.
    let observer = world.remote.another().await;
    let part = json!({"type": "text", "text": "how how how how how"});
    let text_part = json!([{"role": "user", "content": [part]}]);
    for (chat, charged) in [
        (
            json!({"messages": prompt(5), "max_completion_tokens": 50}),
            55,
        ),
        (
            json!({"messages": prompt(5), "max_completion_tokens": 50, "max_tokens": 1}),
            55,
        ),
        (
            json!({"messages": prompt(5), "max_tokens": 50, "n": 3}),
            155,
        ),
        (json!({"messages": text_part, "max_tokens": 50}), 55),
        (
            json!({"messages": prompt(5), "tools": ["abcdefgh"], "max_tokens": 50}),
            57,
        ),
        (json!({"messages": prompt(5), "max_tokens": 0}), 5),
        (json!({"messages": prompt(5), "max_tokens": -7}), 5),
        // Longer than usual prompts are charged by their length, and not by the estimate that was
        // learned from short ones.
        (json!({"messages": prompt(300)}), 400),
    ] {
        let before = left(
            &observer,
            &EntityId::from_secret("sk-alice").unwrap(),
            "tpm",
        )
        .await;
        let answer = world.ask("sk-alice", &chat).await;
        let now: i64 = text(&answer, "x-ratelimit-remaining-tokens")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(before - now, charged, "{chat}");
        // Wait until the request is settled.
        let used: Value = serde_json::from_str(answer.body()).unwrap();
        let used = used["usage"]["total_tokens"].as_i64().unwrap();
        for _ in 0..1000 {
            let alice = EntityId::from_secret("sk-alice").unwrap();
            if left(&observer, &alice, "tpm").await == before - used {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A body that is not a valid request must be charged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies_count_as_requests() {
    let world = World::start(Remote::start().await).await;
    let bad = async |kind: &str, body: String| {
        let request = Request::post(&world.gateway).header("authorization", "Bearer sk-alice");
        send(
            request
                .header("content-type", kind)
                .body(Body::from(body))
                .unwrap(),
        )
        .await
    };
    let json = "application/json";
    for (kind, body, status) in [
        (json, "{".to_owned(), 400),
        (json, "[]".to_owned(), 422),
        ("text/plain", "{}".to_owned(), 415),
        (json, format!("{{\"a\":\"{}\"}}", "x".repeat(21 << 20)), 413),
    ] {
        let answer = bad(kind, body).await;
        assert_eq!(answer.status(), status);
        let error: Value = serde_json::from_str(answer.body()).expect("an error that clients read");
        assert_eq!(error["error"]["type"], "invalid_request_error", "{error}");
    }
    world.left("sk-alice", "rpm", 56, 96).await;
    world.left("sk-alice", "tpm", 1000, 1500).await;
    for _ in 0..56 {
        assert_eq!(bad(json, "{".to_owned()).await.status(), 400);
    }
    // A token is refilled each second, but never while the clock stands still.
    world.left("sk-alice", "rpm", 0, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_has_anthropics_api_too() {
    let world = World::start(Remote::start().await).await;
    let chat = json!({"messages": prompt(5), "max_tokens": 50});
    let answer = world.ask_messages("sk-alice", &chat).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            text(&answer, "anthropic-ratelimit-tokens-remaining")
        ),
        (200, Some("945"))
    );
    world.left("sk-alice", "tpm", 990, 1490).await;
    let mut stream = chat.clone();
    stream["stream"] = true.into();
    let answer = world.ask_messages("sk-alice", &stream).await;
    assert!(
        answer
            .body()
            .trim_end()
            .ends_with(r#"data: {"type":"message_stop"}"#),
        "{}",
        answer.body()
    );
    world.left("sk-alice", "tpm", 980, 1480).await;
    let answer = world.ask("sk-alice", &chat).await;
    assert_eq!(
        text(&answer, "x-ratelimit-limit-tokens"),
        Some("1000"),
        "one bucket for both"
    );
    world.left("sk-alice", "tpm", 970, 1470).await;

    for (key, most, status, kind) in [
        ("sk-alice", 5000, 429, "request_too_large"),
        ("sk-mallory", 1, 401, "authentication_error"),
    ] {
        let answer = world
            .ask_messages(key, &json!({"messages": prompt(5), "max_tokens": most}))
            .await;
        let error: Value = serde_json::from_str(answer.body()).unwrap();
        assert_eq!(
            (answer.status().as_u16(), &error["error"]["type"]),
            (status, &json!(kind)),
            "{error}"
        );
        assert_eq!(error["type"], "error");
    }
}

/// The result does not depend on how the network cuts the stream into pieces.
#[tokio::test]
async fn the_chunk_with_the_usage_is_hidden_from_clients_that_did_not_ask() {
    let as_asked = async |stream: &str, piece: usize, hide: bool| {
        let pieces: Vec<_> = stream
            .as_bytes()
            .chunks(piece)
            .map(<[u8]>::to_vec)
            .map(Ok::<_, std::io::Error>)
            .collect();
        let mut response = Response::new(Body::from_stream(tokio_stream::iter(pieces)));
        if hide {
            response.extensions_mut().insert(example::chunks::HideUsage);
        }
        let body = example::chunks::as_asked(response).await.into_body();
        String::from_utf8(axum::body::to_bytes(body, 10_000).await.unwrap().to_vec()).unwrap()
    };
    let chunk = r#"data: {"choices":[{"delta":{"content":"a\n\nb"}}],"usage":null}"#;
    let usage = r#"data: {"choices":[],"usage":{"total_tokens":10}}"#;
    // Azure sends this chunk first.
    let filter = r#"data: {"choices":[],"prompt_filter_results":[]}"#;
    for end in ["\n\n", "\r\n\r\n"] {
        let [chunk, usage, filter, done] =
            [chunk, usage, filter, "data: [DONE]"].map(|event| format!("{event}{end}"));
        let (sent, told) = (
            format!("{filter}{chunk}{chunk}{usage}{done}"),
            format!("{filter}{chunk}{chunk}{done}"),
        );
        for piece in [1, 2, 7, 50, 10_000] {
            assert_eq!(as_asked(&sent, piece, true).await, told);
            assert_eq!(as_asked(&sent, piece, false).await, sent);
        }
        // If the stream is cut off, everything that has come is passed on.
        assert_eq!(
            as_asked(&format!("{chunk}data: [DO"), 3, true).await,
            format!("{chunk}data: [DO")
        );
    }
}
