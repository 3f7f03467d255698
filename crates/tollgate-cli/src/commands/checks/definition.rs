//! Checks of a table's definition.

use tollgate::store::{
    StoreError,
    dynamodb::{IndexInspection, TableInspection},
};

use super::Check;
use crate::options::Options;

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

/// The table by its name, for commands that change it.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) table: &'a str,
    pub(crate) options: &'a Options,
}

impl Named<'_> {
    /// Returns a command of the AWS command line that changes the table.
    fn command(&self, operation: &str, arguments: &str) -> String {
        let (table, flags) = (self.table, self.options.aws_flags());
        format!("aws dynamodb {operation} --table-name {table} {arguments}{flags}")
    }
}

/// Checks the definition of a table in `region`.
pub(crate) fn definition(
    table: &TableInspection,
    named: &Named<'_>,
    region: Option<&str>,
    expected: &Expected,
) -> Vec<Check> {
    let mut checks = vec![state(table), keys(table)];
    checks.extend(table.indexes.iter().map(|found| index(found, expected)));
    checks.extend([
        expiry(table, named),
        stream(table, named, expected),
        recovery(table, named, expected),
        protection(table, named, expected),
        billing(table, named, expected),
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

fn expiry(table: &TableInspection, named: &Named<'_>) -> Check {
    let switch = |attribute: &str, on: bool| {
        let setting = format!("Enabled={on},AttributeName={attribute}");
        let argument = format!("--time-to-live-specification {setting}");
        named.command("update-time-to-live", &argument)
    };
    const NAME: &str = "time to live";
    match &table.expiry_attribute {
        Ok(Some(attribute)) if attribute == "ttl" => Check::ok(NAME, "on the attribute ttl"),
        Ok(Some(attribute)) => Check::fault(
            NAME,
            format!("on the attribute {attribute}"),
            format!(
                "switch it off: {}; and an hour later on for the attribute ttl: {}",
                switch(attribute, false),
                switch("ttl", true)
            ),
        ),
        Ok(None) => Check::fault(
            NAME,
            "off: unused buckets and old events are never deleted",
            format!(
                "switch it on for the attribute ttl: {}",
                switch("ttl", true)
            ),
        ),
        Err(error) => unknown(NAME, error, "dynamodb:DescribeTimeToLive"),
    }
}

fn stream(table: &TableInspection, named: &Named<'_>, expected: &Expected) -> Check {
    let switch = |setting: &str| {
        let argument = format!("--stream-specification {setting}");
        named.command("update-table", &argument)
    };
    let enable = switch("StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES");
    match table.stream_view.as_deref() {
        Some("NEW_AND_OLD_IMAGES") => Check::ok("stream", "NEW_AND_OLD_IMAGES"),
        Some(view) => Check::fault(
            "stream",
            format!("holds {view}: usage cannot be aggregated from it"),
            format!(
                "disable it: {}; then enable it: {enable}",
                switch("StreamEnabled=false")
            ),
        ),
        None if expected.without_stream => Check::ok("stream", "none, as you said"),
        None => Check::fault(
            "stream",
            "none: usage cannot be aggregated",
            format!("enable it: {enable}; or say --without-stream if nothing aggregates"),
        ),
    }
}

fn recovery(table: &TableInspection, named: &Named<'_>, expected: &Expected) -> Check {
    const NAME: &str = "point-in-time recovery";
    let argument = "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true";
    let command = named.command("update-continuous-backups", argument);
    let advice = format!("switch it on: {command}");
    match &table.is_recoverable {
        Ok(true) => Check::ok(NAME, "on"),
        Ok(false) if expected.recovery => Check::fault(NAME, "off", advice),
        Ok(false) => Check::warning(NAME, "off", advice),
        Err(error) => unknown(NAME, error, "dynamodb:DescribeContinuousBackups"),
    }
}

fn protection(table: &TableInspection, named: &Named<'_>, expected: &Expected) -> Check {
    const NAME: &str = "deletion protection";
    let command = named.command("update-table", "--deletion-protection-enabled");
    let advice = format!("switch it on: {command}");
    if table.is_protected {
        Check::ok(NAME, "on")
    } else if expected.protection {
        Check::fault(NAME, "off", advice)
    } else {
        Check::warning(NAME, "off", advice)
    }
}

fn billing(table: &TableInspection, named: &Named<'_>, expected: &Expected) -> Check {
    let found = table.billing_mode.as_str();
    if let Some(wanted) = expected.billing.filter(|wanted| *wanted != found) {
        return Check::fault(
            "billing mode",
            format!("{found}, not {wanted}"),
            format!("change it: {}", change_billing(named, wanted)),
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

fn change_billing(named: &Named<'_>, wanted: &str) -> String {
    let units = match wanted {
        "PROVISIONED" => {
            " --provisioned-throughput ReadCapacityUnits=READS,WriteCapacityUnits=WRITES"
        }
        _ => "",
    };
    let argument = format!("--billing-mode {wanted}{units}");
    let command = named.command("update-table", &argument);
    match wanted {
        "PROVISIONED" => format!("{command}, with your numbers, and the same for each index"),
        _ => command,
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
