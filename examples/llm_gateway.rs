//! A gateway in front of a language model: every API key and its project have requests and tokens a minute.
//!
//! It speaks OpenAI's chat completions and Anthropic's messages. A request is charged an estimate before the model is
//! asked, and what the model says that it used once the answer has gone by, streamed or not. A refusal has the headers and
//! the body that the API's own clients read.
//!
//! The model is a fake with a socket of its own, and the embedded engine is the table, so there is nothing to install.
//! `UPSTREAM=http://127.0.0.1:11434` asks a server of yours instead, and `AWS_ENDPOINT_URL_DYNAMODB` names another table.
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
        BoundLimiter, InvalidPolicy, KeyExtractor, Learn, OnUnavailable, Outcome, Policy, RequestHead, Settle, TopUp,
        Usage, keys,
    },
    limiter::Share,
    model::{ConfigScope, Entity},
};

use api::Api;
use upstream::Upstream;

pub(crate) use fake_model::fake_model;

/// The body of a request.
type Chat = Map<String, Value>;

/// The largest body of a request, with its images.
const LARGEST_BODY: usize = 20 << 20;

/// The tokens of a request whose client does not say how long its answer may be, as long as nothing is learned.
const TYPICAL: u64 = 100;

/// The longest time that answers under way have when the gateway stops.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    tracing_subscriber::fmt().with_env_filter("tollgate=info").with_writer(std::io::stderr).init();
    let upstream = match std::env::var("UPSTREAM") {
        Ok(url) => url,
        Err(_) => {
            let model = TcpListener::bind(("127.0.0.1", 0)).await?;
            let url = format!("http://{}", model.local_addr()?);
            tokio::spawn(async move { axum::serve(model, fake_model()).await });
            url
        }
    };

    // The embedded engine lives as long as this variable. With a table of yours: `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;
    let known = set_up(&limiter).await?;

    let listener = support::listen().await?;
    println!("{}", welcome(&format!("http://{}", listener.local_addr()?)));
    let gateway = gateway(&limiter, known, &upstream)?;
    tokio::select! {
        served = axum::serve(listener, gateway).with_graceful_shutdown(support::stopped()) => served?,
        // Streams can take longer than anybody waits for.
        () = async { support::stopped().await; tokio::time::sleep(GRACE).await } => {}
    }
    // Writes the settlements that are still on their way.
    limiter.shutdown().await;
    println!("Bye: everything is written.");
    Ok(())
}

/// Does what an operator does once: a project with two keys, and limits that can be changed while all runs.
///
/// Of a key nobody but its owner knows more than a hash: that is what [`EntityId::from_secret`] makes of it,
/// and what the layer makes of a request's.
pub(crate) async fn set_up(limiter: &RateLimiter) -> Result<HashSet<EntityId>, Box<dyn Error>> {
    let (config, entities) = (limiter.config(), limiter.entities());
    let project = EntityId::new("project-search")?;
    entities.ensure(Entity::new(project.clone()).with_name("Search")).await?;
    let mut known = HashSet::new();
    for key in ["sk-alice", "sk-bob"] {
        let key = EntityId::from_secret(key)?;
        // `cascading`: whatever is charged to the key is charged to its project, too.
        entities.ensure(Entity::new(key.clone()).with_parent(project.clone()).cascading()).await?;
        known.insert(key);
    }
    // A key has these; the project has more than a key, and less than both.
    config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)]).await?;
    let shared = [Limit::per_minute("rpm", 100), Limit::per_minute("tpm", 1500)];
    config.set(ConfigScope::Entity(project), shared).await?;
    Ok(known)
}

/// Where clients have their key: Anthropic's in `x-api-key`, OpenAI's in `Authorization`.
fn key() -> impl KeyExtractor {
    keys::hashed_header("x-api-key").or(keys::bearer_token())
}

/// How requests are limited: by what is stored in the table.
fn policy(api: Api) -> Result<Policy, InvalidPolicy> {
    Policy::builder()
        .entity(key())
        .resource(keys::fixed("chat"))
        // The handler acquires: how long an answer may be stands in the body, which a layer does not see.
        .acquire_in_handler()
        // If the client does not say it: what earlier requests of this key have used, to begin with this.
        .cost("tpm", TYPICAL)
        .learn("tpm", Learn::over(20))
        // What was used: while the answer streams the prompt and about a token an event, in the end what the
        // model says. Who goes midway pays for the prompt, and for what has come.
        .settle("tpm", Settle::events(|events| events).add_to(|head| Some(head.extensions.get::<Prompt>()?.tokens)))
        .settle("tpm", Settle::usage(Usage::total()))
        // A stream that uses more than it was charged for gets more, or else it ends.
        .top_up(TopUp::steps(100).end_stream())
        // Nonsense is a request, but used no tokens. If the model could not be reached, nothing was used. No client can
        // provoke that by a body that it breaks off: the handler has read the body before it acquires.
        .on_status(400..=499, Outcome::refund(["tpm"]))
        .on_status(502..=502, Outcome::Refund)
        // Who is short by a moment need not come back.
        .wait(Duration::from_secs(2))
        // Without the table every process, of which there may be eight, goes by an eighth of the limits.
        .on_unavailable(OnUnavailable::Local { share: Share::one_of(8) })
        // The headers and the errors that the API's clients know.
        .dialect(api.dialect())
        .build()
}

/// The gateway for the keys of `known`, in front of `upstream`.
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
            // Outside of the layer, which has to see what clients do not.
            .route_layer(middleware::map_response(chunks::as_asked))
            // The last one is the outermost: the layer counts by keys that were checked here.
            .route_layer(middleware::from_fn_with_state((api, known.clone()), authenticate))
            .with_state(Upstream::new(api, upstream));
        router = router.merge(route);
    }
    Ok(router.layer(DefaultBodyLimit::max(LARGEST_BODY)))
}

/// Lets in who has a key that was given out. To a limiter every key that somebody makes up is a new client.
async fn authenticate(
    State((api, known)): State<(Api, Arc<HashSet<EntityId>>)>,
    request: Request,
    next: Next,
) -> Response {
    let found = key().extract(&RequestHead::from(&request)).ok().and_then(|key| key.into_entity().ok());
    if found.is_some_and(|key| known.contains(&key)) {
        return next.run(request).await;
    }
    api.error(StatusCode::UNAUTHORIZED, "Missing or invalid API key.")
}

/// Asks the model, if the key may.
async fn complete(
    limiter: BoundLimiter,
    State(upstream): State<Upstream>,
    headers: HeaderMap,
    chat: Result<Json<Chat>, JsonRejection>,
) -> Result<Response, tollgate::Error> {
    let Json(mut chat) = match chat {
        Ok(chat) => chat,
        // Whatever a client sends is a request.
        Err(rejection) => {
            let _lease = limiter.cost("tpm", 1).acquire().await?;
            return Ok(upstream.api.error(rejection.status(), &rejection.body_text()));
        }
    };
    let prompt = Prompt { tokens: tokens::prompt(&chat) };
    let limiter = match tokens::longest_answer(&chat) {
        // More than a full bucket holds is refused. Nothing is a token, too.
        Some(answer) => limiter.cost("tpm", prompt.tokens.saturating_add(answer).max(1)),
        None if prompt.tokens > TYPICAL => limiter.cost("tpm", prompt.tokens.saturating_add(TYPICAL)),
        None => limiter,
    };
    // Denied: the error is the answer, a 429 with `Retry-After`. Granted: the layer keeps the lease until
    // the answer has gone by, and settles it. Nothing is left to do with it here.
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
