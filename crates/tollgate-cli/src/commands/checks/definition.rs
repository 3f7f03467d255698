//! Checks of a table's definition.

use tollgate::store::{
    StoreError,
    dynamodb::{IndexInspection, TableInspection},
};

use super::Check;

/// The options that a table must have, beside what every table must have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// The projection of the second index; `None` if each one will do.
    pub(crate) projection: Option<&'static str>,
    /// `true` if the table has no stream on purpose.
    pub(crate) without_stream: bool,
    /// `true` if the table must be protected from deletion.
    pub(crate) protection: bool,
    /// `true` if the table must be recoverable.
    pub(crate) recovery: bool,
    /// The billing mode; `None` if each one will do.
    pub(crate) billing: Option<&'static str>,
}

/// Checks the definition of a table in `region`.
pub(crate) fn definition(
    table: &TableInspection,
    region: Option<&str>,
    expected: &Expected,
) -> Vec<Check> {
    let mut checks = vec![state(table), keys(table)];
    checks.extend(table.indexes.iter().map(|found| index(found, expected)));
    checks.extend([
        expiry(table),
        stream(table, expected),
        recovery(table, expected),
        protection(table, expected),
        billing(table, expected),
        replicas(table, region),
    ]);
    checks
}

fn state(table: &TableInspection) -> Check {
    let status = table.status.as_deref().unwrap_or("unknown");
    match status {
        "ACTIVE" | "UPDATING" => Check::ok("table", status),
        _ => Check::fault("table", status, "wait until it is active"),
    }
}

fn keys(table: &TableInspection) -> Check {
    match &table.key_problem {
        None => Check::ok("keys", "PK, SK"),
        Some(problem) => Check::fault(
            "keys",
            problem,
            "this is no stack: keys cannot be changed, so create another table",
        ),
    }
}

fn index(index: &IndexInspection, expected: &Expected) -> Check {
    const AGAIN: &str = "delete the index and create it as `tollgate table create` does";
    let name = format!("index {}", index.name);
    if !index.exists {
        return Check::fault(name, "missing", "create it as `tollgate table create` does");
    }
    if let Some(problem) = &index.key_problem {
        return Check::fault(name, problem, AGAIN);
    }
    let projection = index.projection.as_deref().unwrap_or("unknown");
    if !matches!(index.status.as_deref(), Some("ACTIVE" | "UPDATING") | None) {
        let status = index.status.as_deref().unwrap_or_default();
        return Check::fault(name, status, "wait until it is active");
    }
    match (index.name.as_str(), projection) {
        ("GSI2", found) if expected.projection.is_some_and(|wanted| wanted != found) => {
            let wanted = expected.projection.unwrap_or_default();
            let found = format!("projects {found}, not {wanted}");
            Check::fault(name, found, AGAIN)
        }
        ("GSI1", "ALL") => Check::ok(name, "projects ALL"),
        ("GSI1", _) => Check::fault(
            name,
            format!("projects {projection}, not ALL: children of entities cannot be read"),
            AGAIN,
        ),
        (_, "KEYS_ONLY") => Check::ok(name, "projects KEYS_ONLY"),
        ("GSI2", "ALL") if expected.projection.is_some() => Check::ok(name, "projects ALL"),
        ("GSI2", "ALL") => Check::warning(
            name,
            "projects ALL: every charge costs two write units instead of one",
            "right if Python clients ask for capacities, else use KEYS_ONLY",
        ),
        (_, _) => Check::warning(
            name,
            format!("projects {projection}, more than the keys"),
            "it works; KEYS_ONLY costs less",
        ),
    }
}

fn expiry(table: &TableInspection) -> Check {
    const NAME: &str = "time to live";
    match &table.expiry_attribute {
        Ok(Some(attribute)) if attribute == "ttl" => Check::ok(NAME, "on the attribute ttl"),
        Ok(Some(attribute)) => Check::fault(
            NAME,
            format!("on the attribute {attribute}"),
            "switch it off, and an hour later on for the attribute ttl",
        ),
        Ok(None) => Check::fault(
            NAME,
            "off: unused buckets and old events are never deleted",
            "switch it on for the attribute ttl: aws dynamodb update-time-to-live --table-name NAME",
        ),
        Err(error) => unknown(NAME, error, "dynamodb:DescribeTimeToLive"),
    }
}

fn stream(table: &TableInspection, expected: &Expected) -> Check {
    match table.stream_view.as_deref() {
        Some("NEW_AND_OLD_IMAGES") => Check::ok("stream", "NEW_AND_OLD_IMAGES"),
        Some(view) => Check::fault(
            "stream",
            format!("holds {view}: usage cannot be aggregated from it"),
            "disable it, and enable it with NEW_AND_OLD_IMAGES",
        ),
        None if expected.without_stream => Check::ok("stream", "none, as you said"),
        None => Check::fault(
            "stream",
            "none: usage cannot be aggregated",
            "enable it with NEW_AND_OLD_IMAGES, or say --without-stream if nothing aggregates",
        ),
    }
}

fn recovery(table: &TableInspection, expected: &Expected) -> Check {
    const NAME: &str = "point-in-time recovery";
    const ADVICE: &str = "switch it on: aws dynamodb update-continuous-backups --table-name NAME";
    match &table.is_recoverable {
        Ok(true) => Check::ok(NAME, "on"),
        Ok(false) if expected.recovery => Check::fault(NAME, "off", ADVICE),
        Ok(false) => Check::warning(NAME, "off", ADVICE),
        Err(error) => unknown(NAME, error, "dynamodb:DescribeContinuousBackups"),
    }
}

fn protection(table: &TableInspection, expected: &Expected) -> Check {
    const NAME: &str = "deletion protection";
    const ADVICE: &str =
        "switch it on: aws dynamodb update-table --table-name NAME --deletion-protection-enabled";
    if table.is_protected {
        Check::ok(NAME, "on")
    } else if expected.protection {
        Check::fault(NAME, "off", ADVICE)
    } else {
        Check::warning(NAME, "off", ADVICE)
    }
}

fn billing(table: &TableInspection, expected: &Expected) -> Check {
    let found = table.billing_mode.as_str();
    if let Some(wanted) = expected.billing.filter(|wanted| *wanted != found) {
        return Check::fault(
            "billing mode",
            format!("{found}, not {wanted}"),
            "change it: aws dynamodb update-table --table-name NAME --billing-mode",
        );
    }
    match found {
        "PROVISIONED" => Check::warning(
            "billing mode",
            found,
            "a burst above the provisioned units is throttled; PAY_PER_REQUEST has none",
        ),
        _ => Check::ok("billing mode", found),
    }
}

fn replicas(table: &TableInspection, region: Option<&str>) -> Check {
    let others = table.replica_regions.iter().map(String::as_str);
    let others: Vec<&str> = others.filter(|other| Some(*other) != region).collect();
    if others.is_empty() {
        return Check::ok("replicas", "none");
    }
    let others = others.join(", ");
    if table.is_consistent_over_regions {
        return Check::fault(
            "replicas",
            format!(
                "strongly consistent in {others}: such tables have no transactions and no expiry"
            ),
            "remove the replicas; use a stack for each region",
        );
    }
    Check::fault(
        "replicas",
        format!("also in {others}: the last writer wins, which gives spent tokens back"),
        "remove the replicas; use a stack for each region",
    )
}

fn unknown(name: &str, error: &StoreError, action: &str) -> Check {
    let advice = match error.missing_permission() {
        Some(_) => format!("allow {action} to check it"),
        None => "look yourself, or run this command again".to_owned(),
    };
    Check::warning(name, format!("not known: {error}"), advice)
}
