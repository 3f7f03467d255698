//! The parts that the commands for stored limits of all levels share.

use serde::Serialize;
use tollgate::{
    Limit,
    model::{Access, ConfigScope, StoredConfig, StoredOnUnavailable},
};

use crate::{
    change::change,
    confirm::confirm,
    context::Context,
    failure::Failure,
    limits,
    output::{Format, Row},
};

/// The stored limits of a scope, as JSON.
#[derive(Debug, Serialize)]
struct Stored<'a> {
    scope: &'a str,
    limits: &'a [Limit],
    #[serde(skip_serializing_if = "Option::is_none")]
    on_unavailable: Option<StoredOnUnavailable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<Access>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cascade: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_understood: Option<&'a str>,
}

/// One stored limit, as CSV.
#[derive(Debug, Serialize)]
struct LimitRow<'a> {
    scope: &'a str,
    limit: &'a Limit,
}

impl Row for LimitRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "scope",
        "limit",
        "capacity",
        "refill_amount",
        "refill_period_seconds",
    ];

    fn cells(&self) -> Vec<String> {
        let Self { scope, limit } = self;
        vec![
            (*scope).to_owned(),
            limit.name().to_string(),
            limit.capacity().to_string(),
            limit.refill_amount().to_string(),
            limit.refill_period().as_secs_f64().to_string(),
        ]
    }
}

/// The deletion of stored limits.
#[derive(Debug, Serialize)]
struct Deletion<'a> {
    scope: &'a str,
    deleted: bool,
}

impl Row for Deletion<'_> {
    const COLUMNS: &'static [&'static str] = &["scope", "deleted"];

    fn cells(&self) -> Vec<String> {
        vec![self.scope.to_owned(), self.deleted.to_string()]
    }
}

/// Returns the scope's name in JSON and CSV: `system`, `resource/gpt-4`, `entity/user-1`,
/// `entity/user-1/gpt-4`.
pub(super) fn named(scope: &ConfigScope) -> String {
    match scope {
        ConfigScope::Resource(resource) => format!("resource/{resource}"),
        ConfigScope::Entity(entity) => format!("entity/{entity}"),
        ConfigScope::EntityResource(entity, resource) => format!("entity/{entity}/{resource}"),
        _ => "system".to_owned(),
    }
}

/// Stores the config of a scope, and prints it below `heading`.
pub(super) async fn set(
    context: &mut Context,
    scope: ConfigScope,
    config: StoredConfig,
    heading: &str,
) -> Result<(), Failure> {
    let limiter = context.open().await?;
    change(limiter.config().set(scope.clone(), config.clone())).await?;
    limiter.shutdown().await;
    print(context, &scope, &config, heading)
}

/// Prints the config of a scope below `heading`, or the sentence `none`.
pub(super) async fn get(
    context: &mut Context,
    scope: &ConfigScope,
    heading: &str,
    none: &str,
) -> Result<(), Failure> {
    let limiter = context.open().await?;
    match limiter.config().get(scope).await? {
        Some(config) => {
            let heading = if config.limits.is_empty() {
                none
            } else {
                heading
            };
            print(context, scope, &config, heading)
        }
        None if context.out.is_text() => Ok(context.out.line(none)?),
        None => print(context, scope, &StoredConfig::default(), none),
    }
}

/// Deletes the config of a scope, after a question.
pub(super) async fn delete(
    context: &mut Context,
    scope: &ConfigScope,
    question: &str,
    [done, none]: [&str; 2],
) -> Result<(), Failure> {
    confirm(&context.options, question)?;
    let limiter = context.open().await?;
    let deleted = change(limiter.config().delete(scope)).await?;
    limiter.shutdown().await;
    let scope = &named(scope);
    let deletion = Deletion { scope, deleted };
    Ok(context
        .out
        .done(if deleted { done } else { none }, &deletion)?)
}

fn print(
    context: &mut Context,
    scope: &ConfigScope,
    config: &StoredConfig,
    heading: &str,
) -> Result<(), Failure> {
    let (scope, out) = (&named(scope), &mut context.out);
    if out.format() == Format::Csv {
        let mut rows = out.rows();
        for limit in &config.limits {
            rows.push(&LimitRow { scope, limit })?;
        }
        rows.finish()?;
        return Ok(());
    }
    let StoredConfig {
        limits,
        on_unavailable,
        access,
        cascade,
        ..
    } = config;
    out.value(&Stored {
        scope,
        limits,
        on_unavailable: *on_unavailable,
        disabled: *access,
        cascade: *cascade,
        not_understood: config.not_understood.as_deref(),
    })?;
    // Limits are indented below the last line of the heading.
    let mut indent = String::new();
    for line in heading.lines() {
        out.line(line)?;
        indent += "  ";
    }
    for limit in limits {
        out.line(format!("{indent}{}", limits::describe(limit)))?;
        for line in limits::schedule(limit) {
            out.line(format!("{indent}{line}"))?;
        }
    }
    if let Some(action) = on_unavailable {
        let word = match action {
            StoredOnUnavailable::Allow => "allow",
            _ => "block",
        };
        out.line(format!("  on_unavailable: {word}"))?;
    }
    if let Some(access) = access {
        let word = match access {
            Access::Disabled => "DISABLED",
            Access::Bypassed => "BYPASSED",
            _ => "enabled (explicit override)",
        };
        out.line(format!("Status: {word}"))?;
    }
    if let Some(cascade) = cascade {
        let word = if *cascade { "on" } else { "off" };
        out.line(format!("Cascade: {word} (explicit)"))?;
    }
    if let Some(attribute) = &config.not_understood {
        out.line(format!(
            "This version does not understand the attribute {attribute} of these limits."
        ))?;
    }
    Ok(())
}
