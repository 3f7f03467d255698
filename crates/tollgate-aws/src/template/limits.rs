//! The template of a stack whose only resource are the limits of a namespace.

use tollgate::{
    Limit,
    model::{Access, ConfigScope, Renewal, Schedule, StackName, StoredConfig, StoredOnUnavailable},
};
use tollgate_manifest::Manifest;

use crate::{
    node::{Node, decimal, map, whole},
    print::{self, PrintError},
};

/// The word in the place of the resource for an entity's config for all resources.
const ALL_RESOURCES: &str = "_default_";

/// The refill period that needs no mention, seconds.
const PERIOD: u64 = 60;

/// A CloudFormation template whose only resource are the limits of a namespace. The function
/// `limits-provisioner` of the stack that it names applies them. The resource's type and properties
/// are those of the Python library: a template can replace one that it made.
///
/// ```
/// use tollgate::model::StackName;
/// use tollgate_aws::LimitsTemplate;
/// use tollgate_manifest::Manifest;
///
/// let file = "{namespace: default, system: {limits: {rpm: {capacity: 60}}}}";
/// let manifest = Manifest::parse("limits.yaml", file)?;
/// let template = LimitsTemplate::new(&StackName::new("rate-limits")?, &manifest, false);
/// assert!(template.to_yaml()?.contains("Type: Custom::ZaeLimiterLimits"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsTemplate {
    document: Node,
}

impl LimitsTemplate {
    /// Returns the template. With `full`, the function writes everything, and all buckets: a stack
    /// calls it if a property changes, so to add or to remove this one is enough.
    pub fn new(stack: &StackName, manifest: &Manifest, full: bool) -> Self {
        let namespace = manifest.namespace().as_str();
        let function = format!("{stack}-ProvisionerArn");
        let mut properties = vec![
            entry("ServiceToken", map([("Fn::ImportValue", function.into())])),
            entry("TableName", stack.as_str()),
            entry("Namespace", namespace),
        ];
        if full {
            properties.push(entry("FullApply", true));
        }
        properties.extend(declared(manifest));
        let limits = map([
            ("Type", "Custom::ZaeLimiterLimits".into()),
            ("Properties", Node::Map(properties)),
        ]);
        let document = map([
            ("AWSTemplateFormatVersion", "2010-09-09".into()),
            (
                "Description",
                format!("Declarative limits for namespace '{namespace}'").into(),
            ),
            ("Resources", map([("TenantLimits", limits)])),
        ]);
        Self { document }
    }

    /// Returns the template as YAML.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_yaml(&self) -> Result<String, PrintError> {
        print::yaml(&self.document)
    }

    /// Returns the template as indented JSON.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_json(&self) -> Result<String, PrintError> {
        print::json(&self.document)
    }
}

fn entry(name: &str, value: impl Into<Node>) -> (String, Node) {
    (name.to_owned(), value.into())
}

/// Returns the properties `System`, `Resources` and `Entities`, as far as there are some.
fn declared(manifest: &Manifest) -> Vec<(String, Node)> {
    let (mut system, mut resources, mut entities) = (Vec::new(), Vec::new(), Vec::new());
    for declared in manifest.entries() {
        let config = &declared.config;
        match &declared.scope {
            ConfigScope::System => system.push(entry("System", of_system(config))),
            ConfigScope::Resource(resource) => {
                resources.push(entry(resource.as_str(), of_config(config)));
            }
            ConfigScope::Entity(entity) => {
                let config = entry(ALL_RESOURCES, of_config(config));
                add(&mut entities, entity.as_str(), config);
            }
            ConfigScope::EntityResource(entity, resource) => {
                let config = entry(resource.as_str(), of_config(config));
                add(&mut entities, entity.as_str(), config);
            }
            _ => {}
        }
    }
    let entities = entities.into_iter().map(|(id, resources)| {
        let resources = map([("Resources", Node::Map(resources))]);
        (id, resources)
    });
    let sections = [
        ("Resources", resources),
        ("Entities", entities.collect::<Vec<_>>()),
    ];
    let sections = sections.into_iter().filter(|(_, named)| !named.is_empty());
    let sections = sections.map(|(section, named)| entry(section, Node::Map(named)));
    system.into_iter().chain(sections).collect()
}

/// Adds a config to those of its entity. The entries of an entity follow each other.
fn add(entities: &mut Vec<(String, Vec<(String, Node)>)>, entity: &str, config: (String, Node)) {
    match entities.last_mut() {
        Some((last, configs)) if last == entity => configs.push(config),
        _ => entities.push((entity.to_owned(), vec![config])),
    }
}

fn of_system(config: &StoredConfig) -> Node {
    let mut fields = Vec::new();
    match config.on_unavailable {
        Some(StoredOnUnavailable::Allow) => fields.push(entry("OnUnavailable", "allow")),
        Some(StoredOnUnavailable::Block) => fields.push(entry("OnUnavailable", "block")),
        _ => {}
    }
    if !config.limits.is_empty() {
        fields.push(entry("Limits", of_limits(config)));
    }
    Node::Map(fields)
}

fn of_config(config: &StoredConfig) -> Node {
    let mut fields = vec![entry("Limits", of_limits(config))];
    match config.access {
        Some(Access::Disabled) => fields.push(entry("Disabled", true)),
        Some(Access::Enabled) => fields.push(entry("Disabled", false)),
        Some(Access::Bypassed) => fields.push(entry("Disabled", "bypass")),
        _ => {}
    }
    if let Some(cascade) = config.cascade {
        fields.push(entry("Cascade", cascade));
    }
    Node::Map(fields)
}

fn of_limits(config: &StoredConfig) -> Node {
    let limits = config.limits.iter();
    let limits = limits.map(|limit| entry(limit.name().as_str(), of_limit(limit)));
    Node::Map(limits.collect())
}

/// Returns a limit without what the function fills in by itself.
fn of_limit(limit: &Limit) -> Node {
    let mut fields = vec![entry("Capacity", whole(limit.capacity()))];
    let mut resets = None;
    match limit.renewal() {
        Some(Renewal::Calendar(calendar)) => {
            let schedule = calendar.schedule();
            let crons = schedule
                .crons()
                .map(|cron| Node::Map(times(cron, schedule.zone())));
            resets = Some(entry("ResetSchedule", Node::List(crons.collect())));
        }
        Some(Renewal::Session(length)) => {
            let seconds = u64::try_from(length / 1000).unwrap_or_default();
            fields.push(entry("ResetAfterSeconds", whole(seconds)));
        }
        _ => {
            if limit.refill_amount() != limit.capacity() {
                fields.push(entry("RefillAmount", whole(limit.refill_amount())));
            }
            let period = limit.refill_period().as_secs();
            if period != PERIOD {
                fields.push(entry("RefillPeriod", whole(period)));
            }
        }
    }
    if limit.is_soft() {
        fields.push(entry("Soft", true));
    }
    if let Some(schedule) = limit.schedule() {
        fields.push(entry("Schedule", of_schedule(schedule)));
    }
    fields.extend(resets);
    Node::Map(fields)
}

fn of_schedule(schedule: &Schedule) -> Node {
    let entries = schedule.entries().iter().map(|one| {
        let mut fields = times(one.cron(), schedule.zone());
        if let Some(scale) = one.scale() {
            fields.push(entry("Scale", decimal(scale)));
        }
        let period = one.refill_period().map(|period| period.as_secs());
        for (name, value) in [
            ("Capacity", one.capacity()),
            ("RefillAmount", one.refill_amount()),
            ("RefillPeriodSeconds", period),
        ] {
            fields.extend(value.map(|value| entry(name, whole(value))));
        }
        Node::Map(fields)
    });
    Node::List(entries.collect())
}

fn times(cron: &str, zone: &str) -> Vec<(String, Node)> {
    let mut fields = vec![entry("Cron", cron)];
    if zone != "UTC" {
        fields.push(entry("Tz", zone));
    }
    fields
}
