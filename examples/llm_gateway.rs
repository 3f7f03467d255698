//! A gateway in front of a language model: every API key and its project have requests and tokens a minute.
//!
//! A request is charged an estimate before the model is asked, and what the model says that it used once
//! the answer has gone by, streamed or not. The model is a fake with a socket of its own, and the embedded
//! engine is the table, so there is nothing to install.
//!
//! ```sh
//! cargo run --example llm_gateway
//! ```

use std::{collections::HashSet, error::Error, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tollgate::{
    EntityId, Limit, RateLimitLayer, RateLimiter,
    layer::{BoundLimiter, InvalidPolicy, Learn, OnUnavailable, OpenAi, Outcome, Policy, Settle, TopUp, Usage, keys},
    limiter::Share,
    model::{ConfigScope, Entity},
};
use tollgate_testkit::Engine;

/// The body of a request.
type Chat = Map<String, Value>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter("tollgate=info").with_writer(std::io::stderr).init();
    let model = TcpListener::bind(("127.0.0.1", 0)).await?;
    let upstream = format!("http://{}/v1/chat/completions", model.local_addr()?);
    tokio::spawn(async move { axum::serve(model, fake_model()).await });

    // The table lives as long as this variable. Yours: `RateLimiter::open().stack("rate-limits").await?`
    let engine = Engine::start().await;
    let limiter = RateLimiter::open().client(engine.client()).await?;
    let known = set_up(&limiter).await?;

    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", welcome(&format!("http://{}", listener.local_addr()?)));
    axum::serve(listener, gateway(&limiter, known, upstream)?).await?;
    Ok(())
}

/// What an operator does once: a project with two keys, and limits that can be changed while all runs.
///
/// Of a key nobody but its owner knows more than a hash: that is what [`EntityId::from_secret`] makes of it,
/// and what the layer's `bearer_token` makes of a request's.
pub(crate) async fn set_up(limiter: &RateLimiter) -> Result<HashSet<EntityId>, Box<dyn Error>> {
    let (config, entities) = (limiter.config(), limiter.entities());
    let project = EntityId::new("project-search")?;
    entities.create(Entity::new(project.clone()).with_name("Search")).await?;
    let mut known = HashSet::new();
    for key in ["sk-alice", "sk-bob"] {
        let key = EntityId::from_secret(key)?;
        // `cascading`: whatever is charged to the key is charged to its project, too.
        entities.create(Entity::new(key.clone()).with_parent(project.clone()).cascading()).await?;
        known.insert(key);
    }
    // A key has these; the project has more than a key, and less than both.
    config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)]).await?;
    let shared = [Limit::per_minute("rpm", 100), Limit::per_minute("tpm", 1500)];
    config.set(ConfigScope::Entity(project), shared).await?;
    Ok(known)
}

/// How requests are limited: by what is stored in the table.
fn policy() -> Result<Policy, InvalidPolicy> {
    Policy::builder()
        .entity(keys::bearer_token())
        .resource(keys::fixed("chat"))
        // The handler acquires: how long an answer may be stands in the body, which a layer does not see.
        .acquire_in_handler()
        // Where the client does not say it: what earlier requests of this key have used, to begin with 100.
        .cost("tpm", 100)
        .learn("tpm", Learn::over(20))
        // What was used: while the answer streams the prompt and about a token an event, in the end what the
        // model says. Who goes midway pays for the prompt, and for what has come.
        .settle("tpm", Settle::events(|events| events).add_to(|head| Some(head.extensions.get::<Prompt>()?.tokens)))
        .settle("tpm", Settle::usage(Usage::total()))
        // A stream that uses more than it was charged for gets more, or else it ends.
        .top_up(TopUp::steps(100).end_stream())
        // Nonsense is a request, but used no tokens. Where the model could not be reached, nothing was used. No client
        // can provoke that by a body that it breaks off: the handler has read the body before it acquires.
        .on_status(400..=499, Outcome::refund(["tpm"]))
        .on_status(502..=502, Outcome::Refund)
        // Who is short by a moment need not come back.
        .wait(Duration::from_secs(2))
        // Without the table every process, of which there may be eight, goes by an eighth of the limits.
        .on_unavailable(OnUnavailable::Local { share: Share::one_of(8) })
        // The headers that OpenAI's clients know: `x-ratelimit-remaining-tokens` and its like.
        .dialect(OpenAi::new().requests("rpm").tokens("tpm"))
        .build()
}

/// The gateway for the keys of `known`, in front of `upstream`.
pub(crate) fn gateway(
    limiter: &RateLimiter,
    known: HashSet<EntityId>,
    upstream: String,
) -> Result<Router, InvalidPolicy> {
    Ok(Router::new()
        .route("/v1/chat/completions", post(complete))
        .route_layer(RateLimitLayer::new(limiter.clone(), policy()?))
        // The last one is the outermost: the layer below counts by keys that were checked here.
        .route_layer(middleware::from_fn_with_state(Arc::new(known), authenticate))
        .with_state(Upstream { url: upstream.into(), client: Client::builder(TokioExecutor::new()).build_http() }))
}

/// Lets in who has a key that was given out. To a limiter every key that somebody makes up is a new client.
async fn authenticate(State(known): State<Arc<HashSet<EntityId>>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer ")).map(EntityId::from_secret);
    match key {
        Some(Ok(key)) if known.contains(&key) => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response(),
    }
}

/// Asks the model, if the key may.
async fn complete(
    limiter: BoundLimiter,
    State(upstream): State<Upstream>,
    Json(mut chat): Json<Chat>,
) -> Result<Response, tollgate::Error> {
    // About a token for every word.
    let prompt = Prompt { tokens: words(&chat) };
    let limiter = match chat.get("max_tokens").and_then(Value::as_u64) {
        // The answer, and the prompt. More than a full bucket holds is refused.
        Some(most) => limiter.cost("tpm", most.min(1_000_000) + prompt.tokens),
        None => limiter,
    };
    // Denied: the error is the answer, a 429 with `Retry-After`. Granted: the layer keeps the lease until
    // the answer has gone by, and settles it. Nothing is left to do with it here.
    let _lease = limiter.acquire().await?;
    if is_streamed(&chat) {
        // Else a stream does not say what it used.
        chat.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    let mut answer = upstream.ask(&chat).await;
    answer.extensions_mut().insert(prompt);
    Ok(answer)
}

/// What a request brings, for the settle rule.
#[derive(Clone, Copy)]
struct Prompt {
    tokens: u64,
}

#[derive(Clone)]
struct Upstream {
    url: Arc<str>,
    client: Client<HttpConnector, Body>,
}

impl Upstream {
    /// The model's answer, as it comes.
    async fn ask(&self, chat: &Chat) -> Response {
        let json = (header::CONTENT_TYPE, "application/json");
        let request = Request::post(&*self.url).header(json.0, json.1).body(Body::from(json!(chat).to_string()));
        let Ok(request) = request else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let Ok(answer) = self.client.request(request).await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let (head, body) = answer.into_parts();
        // Not all headers: those of upstream's connection are not for ours.
        let kind = head.headers.get(header::CONTENT_TYPE).cloned();
        let mut response = (head.status, Body::new(body)).into_response();
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    }
}

fn is_streamed(chat: &Chat) -> bool {
    chat.get("stream") == Some(&Value::Bool(true))
}

/// The words of all messages, whose content is a text or a list of parts.
fn words(chat: &Chat) -> u64 {
    let count = |text: &Value| text.as_str().map_or(0, |text| text.split_whitespace().count() as u64);
    let content = |content: &Value| match content.as_array() {
        Some(parts) => parts.iter().map(|part| count(&part["text"])).sum(),
        None => count(content),
    };
    let messages = chat.get("messages").and_then(Value::as_array).into_iter().flatten();
    messages.map(|message| content(&message["content"])).sum()
}

/// A model that answers each word with a word, until `max_tokens` are used up; every word is a token.
pub(crate) fn fake_model() -> Router {
    Router::new().route("/v1/chat/completions", post(model))
}

async fn model(Json(chat): Json<Chat>) -> Response {
    let prompt = words(&chat);
    if prompt == 0 {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": {"message": "Say something."}}))).into_response();
    }
    let most = chat.get("max_tokens").and_then(Value::as_u64);
    let answer = prompt.min(most.unwrap_or(prompt));
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer});
    if !is_streamed(&chat) {
        let content = vec!["word"; answer as usize].join(" ");
        let choices = json!([{"index": 0, "message": {"role": "assistant", "content": content}}]);
        return Json(json!({"object": "chat.completion", "choices": choices, "usage": usage})).into_response();
    }
    let chunk = |choices: Value, usage: &Value| {
        let chunk = json!({"object": "chat.completion.chunk", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let word = chunk(json!([{"index": 0, "delta": {"content": "word "}}]), &Value::Null);
    let mut events = vec![word; answer as usize];
    if chat.get("stream_options").is_some_and(|options| options["include_usage"] == true) {
        events.push(chunk(json!([]), &usage));
    }
    events.push("data: [DONE]\n\n".to_owned());

    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for event in events {
            // Nobody listens any more: a client that goes, or a stream that the gateway ends, stops the model.
            if sender.send(Ok::<_, std::convert::Infallible>(event)).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(ReceiverStream::new(receiver))).into_response()
}

fn welcome(url: &str) -> String {
    let ask = |key: &str, more: &str| {
        format!(
            "curl -i {url}/v1/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\
    -d '{{{more}, \"messages\": [{{\"role\": \"user\", \"content\": \"how are you today\"}}]}}'"
        )
    };
    format!(
        "Listening on {url}. Try:

  # charged 54, settled to the 8 that were used: see x-ratelimit-remaining-tokens of the next answer
  {}

  # the same as a stream, whose last chunk has the usage
  {}

  # a little more than is left of the key's 1000: waits until it is there
  {}

  # more than a full bucket holds: 429
  {}

  # nobody's key: 401
  {}

Stop with ctrl-c.",
        ask("sk-alice", "\"max_tokens\": 50"),
        ask("sk-alice", "\"max_tokens\": 50, \"stream\": true"),
        ask("sk-alice", "\"max_tokens\": 996"),
        ask("sk-alice", "\"max_tokens\": 2000"),
        ask("sk-mallory", "\"max_tokens\": 50"),
    )
}
