//! Limits and routes in files that can be edited while the service runs.
//!
//! One file has the limits: the format is that of `tollgate limits`, which writes such a file to a
//! table once there is one. The other file has the routes, each with the resource that it uses. Both
//! are read once a second. A valid file takes effect at once, without a restart. An invalid file is
//! logged, and the old limits and routes stay in force.
//!
//! The buckets are in memory.

mod support;

use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

use axum::{Router, http::Method, routing::get};
use serde::Deserialize;
use tollgate::{
    RateLimitLayer, RateLimiter,
    layer::{Policy, Route, Routes, RoutesHandle, keys},
};
use tollgate_manifest::{Manifest, install, watch};

/// The initial contents of the file of limits.
pub(crate) const LIMITS: &str = "
namespace: default
system:
  limits:
    rpm: {capacity: 5}
resources:
  reports:
    limits:
      rpm: {capacity: 2}
";

/// The initial contents of the file of routes.
pub(crate) const ROUTES: &str = r#"
# Rows are tried from the top; what matches none falls under [otherwise].
[[route]]
path = "/healthz"
unlimited = true

[[route]]
prefix = "/reports"
methods = ["GET"]
resource = "reports"

[otherwise]
resource = "api"
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
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let limits = or_new(paths.next(), "limits.yaml", LIMITS)?;
    let routes = or_new(paths.next(), "routes.toml", ROUTES)?;

    // A service must not start without limits.
    let manifest = Manifest::read(&limits)?;
    let limiter = RateLimiter::memory();
    install(&limiter, None, &manifest).await?;
    // Faults are logged.
    let every = Duration::from_secs(1);
    tokio::spawn(watch(
        limiter.clone(),
        limits.clone(),
        manifest,
        every,
        |_| {},
    ));

    let (mut file, routes) = RoutesFile::open(routes)?;
    let handle = RoutesHandle::new(routes);
    let app = app(&limiter, &handle);

    let listener = support::listen().await?;
    println!(
        "Listening on http://{}. Edit {} and {} and see.",
        listener.local_addr()?,
        limits.display(),
        file.path.display()
    );
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            file.reload(&handle);
        }
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(support::stopped())
        .await?;
    limiter.shutdown().await;
    Ok(())
}

/// Returns the path, or that of a new file in the folder for temporary files.
fn or_new(path: Option<PathBuf>, name: &str, text: &str) -> std::io::Result<PathBuf> {
    if let Some(path) = path {
        return Ok(path);
    }
    let path = std::env::temp_dir().join(format!("tollgate-{}-{name}", std::process::id()));
    std::fs::write(&path, text)?;
    Ok(path)
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

/// A condition on requests, and a resource whose limits apply, or none.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    path: Option<String>,
    prefix: Option<String>,
    methods: Vec<String>,
    resource: Option<String>,
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
    let resource = match (row.resource, row.unlimited) {
        (Some(resource), false) => resource,
        (None, true) => return Ok(None),
        _ => return Err("either a resource, or unlimited = true".into()),
    };
    // A plain id. For real API keys, use `keys::hashed_header`, which never stores them in clear
    // text.
    let policy = Policy::builder()
        .entity(keys::header("x-api-key"))
        .resource(keys::fixed(resource))
        .cost("rpm", 1);
    Ok(Some(policy.build()?))
}
