//! A gateway in front of a language model. Every API key and its project have limits for requests
//! and tokens per minute.
//!
//! The gateway speaks OpenAI's chat completions and Anthropic's messages. A request is charged an
//! estimate before the model is called. After the response, streamed or not, the charge is settled
//! to the usage that the model reports. A refusal has the headers and the body that the API's own
//! clients understand.
//!
//! The model is a fake with its own socket, and the table is in the embedded engine, so there is
//! nothing to install. `UPSTREAM=http://127.0.0.1:11434` selects another model server, and
//! `AWS_ENDPOINT_URL_DYNAMODB` another table.
//!
//! ```sh
//! cargo run --example llm_gateway
//! ```

#[path = "llm_gateway/api.rs"]
mod api;
#[path = "llm_gateway/chunks.rs"]
pub(crate) mod chunks;
#[path = "llm_gateway/fake_model.rs"]
mod fake_model;
#[path = "llm_gateway/tokens.rs"]
mod tokens;
#[path = "llm_gateway/upstream.rs"]
mod upstream;

mod support;
#[path = "support/table.rs"]
mod table;

use std::{collections::HashSet, error::Error, process::ExitCode, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tollgate::{
    EntityId, Limit, RateLimitLayer, RateLimiter,
    layer::{
        BoundLimiter, InvalidPolicy, KeyExtractor, Learn, OnUnavailable, Outcome, Policy,
        RequestHead, Settle, TopUp, Usage, keys,
    },
    limiter::LocalShare,
    model::{ConfigScope, Entity},
};

use api::Api;
use upstream::Upstream;

pub(crate) use fake_model::fake_model;

/// The body of a request.
type Chat = Map<String, Value>;

/// The maximum size of a request body, including images.
const LARGEST_BODY: usize = 20 << 20;

/// The estimated tokens of a request without a maximum answer length, until the layer has learned a
/// better estimate.
const TYPICAL: u64 = 100;

/// The maximum time for responses in progress when the gateway stops.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    tracing_subscriber::fmt()
        .with_env_filter("tollgate=info")
        .with_writer(std::io::stderr)
        .init();
    let upstream = match std::env::var("UPSTREAM") {
        Ok(url) => url,
        Err(_) => {
            let model = TcpListener::bind(("127.0.0.1", 0)).await?;
            let url = format!("http://{}", model.local_addr()?);
            tokio::spawn(async move { axum::serve(model, fake_model()).await });
            url
        }
    };

    // The embedded engine lives as long as this variable. For your own table, use
    // `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;
    let known = set_up(&limiter).await?;

    let listener = support::listen().await?;
    println!("{}", welcome(&format!("http://{}", listener.local_addr()?)));
    let gateway = gateway(&limiter, known, &upstream)?;
    tokio::select! {
        served = axum::serve(listener, gateway).with_graceful_shutdown(support::stopped()) => served?,
        // A stream can take too long to wait for its end.
        () = async { support::stopped().await; tokio::time::sleep(GRACE).await } => {}
    }
    // Writes the settlements that are not written yet.
    limiter.shutdown().await;
    println!("Bye: everything is written.");
    Ok(())
}

/// Sets up what an operator sets up once: a project with two keys, and limits that can be changed
/// at run time.
///
/// Only the hash of a key is stored: [`EntityId::from_secret`] hashes it here, and the layer hashes
/// the key of each request.
pub(crate) async fn set_up(limiter: &RateLimiter) -> Result<HashSet<EntityId>, Box<dyn Error>> {
    let (config, entities) = (limiter.config(), limiter.entities());
    let project = EntityId::new("project-search")?;
    entities
        .ensure(Entity::new(project.clone()).with_name("Search"))
        .await?;
    let mut known = HashSet::new();
    for key in ["sk-alice", "sk-bob"] {
        let key = EntityId::from_secret(key)?;
        // `cascading`: every charge to the key is also charged to its project.
        entities
            .ensure(
                Entity::new(key.clone())
                    .with_parent(project.clone())
                    .cascading(),
            )
            .await?;
        known.insert(key);
    }
    // The limits of a key, and those of the project. The project's limits are higher than those of
    // one key, and lower than those of both keys together.
    config
        .set(
            ConfigScope::system(),
            [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)],
        )
        .await?;
    let shared = [
        Limit::per_minute("rpm", 100),
        Limit::per_minute("tpm", 1500),
    ];
    config.set(ConfigScope::Entity(project), shared).await?;
    Ok(known)
}

/// Returns the extractor of the client's key: in `x-api-key` for Anthropic, in `Authorization` for
/// OpenAI.
fn key() -> impl KeyExtractor {
    keys::hashed_header("x-api-key").or(keys::bearer_token())
}

/// Returns the policy of an API. The limits are stored in the table.
fn policy(api: Api) -> Result<Policy, InvalidPolicy> {
    Policy::builder()
        .entity(key())
        .resource(keys::fixed("chat"))
        // The handler acquires, because the maximum length of the answer is in the body, which a
        // layer does not read.
        .acquire_in_handler()
        // If the client gives no maximum, the cost is learned from earlier requests of this key.
        // The first request costs `TYPICAL`.
        .cost("tpm", TYPICAL)
        .learn("tpm", Learn::over(20))
        // The used tokens. While the answer streams: the prompt plus about one token per event. At
        // the end: the usage that the model reports. A client that disconnects early pays for the
        // prompt and the events so far.
        .settle(
            "tpm",
            Settle::events(|events| events)
                .add_to(|head| Some(head.extensions.get::<Prompt>()?.tokens)),
        )
        .settle("tpm", Settle::usage(Usage::total()))
        // A stream that uses more than its charge acquires more, or it is ended.
        .top_up(TopUp::steps(100).end_stream())
        // An invalid request costs a request and no tokens. If the model could not be reached,
        // everything is refunded. A client cannot provoke that with an aborted body, because the
        // handler reads the body before it acquires.
        .on_status(400..=499, Outcome::refund(["tpm"]))
        .on_status(502..=502, Outcome::Refund)
        // A request that is denied only for a moment waits instead.
        .wait(Duration::from_secs(2))
        // Without the table, each process, of at most eight, enforces an eighth of the limits.
        .on_unavailable(OnUnavailable::Local {
            share: LocalShare::one_of(8),
        })
        // The headers and the errors that the API's clients understand.
        .dialect(api.dialect())
        .build()
}

/// Returns the gateway for the keys of `known`, in front of `upstream`.
pub(crate) fn gateway(
    limiter: &RateLimiter,
    known: HashSet<EntityId>,
    upstream: &str,
) -> Result<Router, InvalidPolicy> {
    let known = Arc::new(known);
    let mut router = Router::new();
    for api in [Api::OpenAi, Api::Anthropic] {
        let route = Router::new()
            .route(api.path(), post(complete))
            .route_layer(RateLimitLayer::new(limiter.clone(), policy(api)?))
            // `as_asked` is outside the layer, because the layer must see the events that clients
            // do not see.
            .route_layer(middleware::map_response(chunks::as_asked))
            // The last layer is the outermost: it checks the keys before the rate limit layer
            // counts them.
            .route_layer(middleware::from_fn_with_state(
                (api, known.clone()),
                authenticate,
            ))
            .with_state(Upstream::new(api, upstream));
        router = router.merge(route);
    }
    Ok(router.layer(DefaultBodyLimit::max(LARGEST_BODY)))
}

/// Rejects requests without a known key. For a limiter, every made-up key would be a new client.
async fn authenticate(
    State((api, known)): State<(Api, Arc<HashSet<EntityId>>)>,
    request: Request,
    next: Next,
) -> Response {
    let found = key()
        .extract(&RequestHead::from(&request))
        .ok()
        .and_then(|key| key.into_entity().ok());
    if found.is_some_and(|key| known.contains(&key)) {
        return next.run(request).await;
    }
    api.error(StatusCode::UNAUTHORIZED, "Missing or invalid API key.")
}

/// Calls the model, if the key has enough tokens.
async fn complete(
    limiter: BoundLimiter,
    State(upstream): State<Upstream>,
    headers: HeaderMap,
    chat: Result<Json<Chat>, JsonRejection>,
) -> Result<Response, tollgate::Error> {
    let Json(mut chat) = match chat {
        Ok(chat) => chat,
        // An invalid body is charged as a request too.
        Err(rejection) => {
            let _lease = limiter.cost("tpm", 1).acquire().await?;
            return Ok(upstream
                .api
                .error(rejection.status(), &rejection.body_text()));
        }
    };
    let prompt = Prompt {
        tokens: tokens::prompt(&chat),
    };
    let limiter = match tokens::longest_answer(&chat) {
        // A cost above the capacity is refused. A cost of 0 counts as one token.
        Some(answer) => limiter.cost("tpm", prompt.tokens.saturating_add(answer).max(1)),
        None if prompt.tokens > TYPICAL => {
            limiter.cost("tpm", prompt.tokens.saturating_add(TYPICAL))
        }
        None => limiter,
    };
    // If the acquire is denied, the error is the response: 429 with `Retry-After`. If the acquire
    // is granted, the layer keeps the lease until the end of the response and settles it. The
    // handler need not do anything with it.
    let _lease = limiter.acquire().await?;
    let asks_for_usage = upstream.api == Api::Anthropic || chunks::ask_for_usage(&mut chat);
    let mut answer = upstream.ask(&chat, &headers).await;
    answer.extensions_mut().insert(prompt);
    if !asks_for_usage {
        answer.extensions_mut().insert(chunks::HideUsage);
    }
    Ok(answer)
}

/// The prompt of a request, for the settle rule.
#[derive(Clone, Copy)]
struct Prompt {
    tokens: u64,
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

  # charged 55, settled to the 10 that were used: see x-ratelimit-remaining-tokens of the next answer
  {}

  # the same as a stream
  {}

  # a little more than is left of the key's 1000: waits until it is there
  {}

  # more than a full bucket holds: 429, and no use to try again
  {}

  # nobody's key: 401
  {}

Stop with ctrl-c.",
        ask("sk-alice", "\"max_completion_tokens\": 50"),
        ask("sk-alice", "\"max_completion_tokens\": 50, \"stream\": true"),
        ask("sk-alice", "\"max_completion_tokens\": 990"),
        ask("sk-alice", "\"max_completion_tokens\": 2000"),
        ask("sk-mallory", "\"max_completion_tokens\": 50"),
    )
}
