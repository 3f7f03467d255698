//! Limits in a file that can be edited while the service runs.
//!
//! The file is read once a second. A valid file takes effect at once, without a restart. An invalid
//! file is logged, and the old limits stay in force.
//!
//! The limits live in an embedded engine, unless `AWS_ENDPOINT_URL_DYNAMODB` names another
//! endpoint.

mod support;
#[path = "support/table.rs"]
mod table;

use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

use axum::{Router, http::Method, routing::get};
use serde::Deserialize;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, PolicyBuilder, Route, Routes, RoutesHandle, keys},
};

/// The initial contents of the file.
pub(crate) const CONFIG: &str = r#"
# Rows are tried from the top; what matches none falls under [otherwise].
[[route]]
path = "/healthz"
unlimited = true

[[route]]
prefix = "/reports"
methods = ["GET"]
resource = "reports"
limits = [{ name = "rpm", capacity = 2, refill_amount = 2, refill_period_seconds = 60 }]

[otherwise]
resource = "api"
limits = [{ name = "rpm", capacity = 5, refill_amount = 5, refill_period_seconds = 60 }]
"#;

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    tracing_subscriber::fmt()
        .with_env_filter("tollgate=info,hot_reload=info")
        .with_writer(std::io::stderr)
        .init();
    // The embedded engine lives as long as this variable. For your own table, use
    // `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;

    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => {
            let path =
                std::env::temp_dir().join(format!("tollgate-routes-{}.toml", std::process::id()));
            std::fs::write(&path, CONFIG)?;
            path
        }
    };
    let (mut file, routes) = RoutesFile::open(path)?;
    let handle = RoutesHandle::new(routes);
    let app = app(&limiter, &handle);

    let listener = support::listen().await?;
    println!(
        "Listening on http://{}. Edit {} and see.",
        listener.local_addr()?,
        file.path.display()
    );
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            file.reload(&handle);
        }
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(support::stopped())
        .await?;
    limiter.shutdown().await;
    Ok(())
}

/// Returns the service, limited by `limiter` with the routes of `handle`.
pub(crate) fn app(limiter: &RateLimiter, handle: &RoutesHandle) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/reports/{name}", get(async || "a report\n"))
        .route("/api/ping", get(async || "pong\n"))
        .layer(RateLimitLayer::new(limiter.clone(), handle))
}

/// A file of routes, and its last contents.
pub(crate) struct RoutesFile {
    path: PathBuf,
    text: String,
}

impl RoutesFile {
    /// Reads the file for the first time. An error stops the service, because it must not start
    /// without limits.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Routes), Box<dyn Error>> {
        let text = std::fs::read_to_string(&path)?;
        let routes = parse(&text)?;
        Ok((Self { path, text }, routes))
    }

    /// Reads the file again, and swaps the routes if they have changed. Returns `true` if they were
    /// swapped.
    pub(crate) fn reload(&mut self, handle: &RoutesHandle) -> bool {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => return false,
            Ok(text) => text,
            // An editor may be replacing the file.
            Err(error) => {
                tracing::warn!(%error, "the routes' file cannot be read: the old routes hold on");
                return false;
            }
        };
        let parsed = parse(&text);
        // Store the text even if it is invalid, so that an invalid file is logged only once.
        self.text = text;
        match parsed {
            Ok(routes) => {
                handle.swap(routes);
                tracing::info!("new routes hold");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the routes' file is wrong: the old routes hold on");
                false
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    route: Vec<Row>,
    otherwise: Row,
}

/// A condition on requests, and either limits or none.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    path: Option<String>,
    prefix: Option<String>,
    methods: Vec<String>,
    resource: Option<String>,
    limits: Vec<Limit>,
    unlimited: bool,
}

/// Returns the routes that a text describes. A mistake in the text is an error, and never a route
/// without limits.
pub(crate) fn parse(text: &str) -> Result<Routes, Box<dyn Error>> {
    let config: Config = toml::from_str(text)?;
    let mut routes = Routes::builder();
    for row in config.route {
        routes = match (route(&row)?, policy(row)?) {
            (Some(route), Some(policy)) => routes.route(route, policy),
            (Some(route), None) => routes.unlimited(route),
            (None, _) => return Err("a [[route]] has a path or a prefix".into()),
        };
    }
    if route(&config.otherwise)?.is_some() {
        return Err("[otherwise] has no path, prefix or methods".into());
    }
    Ok(match policy(config.otherwise)? {
        Some(policy) => routes.otherwise(policy)?,
        None => routes.otherwise_unlimited()?,
    })
}

fn route(row: &Row) -> Result<Option<Route>, Box<dyn Error>> {
    let mut route = match (&row.path, &row.prefix) {
        (Some(path), None) => Route::path(path),
        (None, Some(prefix)) => Route::prefix(prefix),
        (None, None) if row.methods.is_empty() => return Ok(None),
        (None, None) => Route::any(),
        (Some(_), Some(_)) => return Err("a route has a path or a prefix, not both".into()),
    };
    for method in &row.methods {
        route = route.method(Method::from_bytes(method.as_bytes())?);
    }
    Ok(Some(route))
}

/// Returns the policy of a row; `None` if the row is explicitly unlimited.
fn policy(row: Row) -> Result<Option<Policy>, Box<dyn Error>> {
    let resource = match (row.resource, row.limits.is_empty(), row.unlimited) {
        (Some(resource), false, false) => resource,
        (None, true, true) => return Ok(None),
        _ => return Err("either a resource and limits, or unlimited = true".into()),
    };
    // A plain id. For real API keys, use `keys::hashed_header`, which never stores them in clear
    // text.
    let policy = Policy::builder()
        .entity(keys::header("x-api-key"))
        .resource(keys::fixed(resource));
    Ok(Some(
        row.limits
            .into_iter()
            .fold(policy, PolicyBuilder::limit)
            .build()?,
    ))
}
