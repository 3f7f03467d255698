//! The record of managed scopes: an item of the Python client's provisioner.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata, operation::update_item::UpdateItemError, types::AttributeValue,
};
use tollgate::model::ConfigScope;
use tollgate_manifest::Manifest;

use super::{
    error::LimitsError,
    level::{ALL_RESOURCES, of_entity},
    target::Target,
};
use crate::{
    attributes::{text, text_of},
    error::OpsError,
    record::Item,
};

/// The sort key of the record.
pub(super) const PROVISIONER: &str = "#PROVISIONER";

/// The time of the last apply that ended.
const LAST_APPLIED: &str = "last_applied";
/// The apply that has the record now. Our own attribute: the Python provisioner replaces the item,
/// which removes it.
const APPLY: &str = "apply";
/// The last apply that was overtaken and whose configs are in the lists for that. Our own attribute.
const LATE: &str = "late";

/// The number of bytes of the largest item of a table, without those of the record's other attributes.
const MOST_BYTES: usize = 400 * 1024 - 1024;

/// The number of tries to add to the record if others write it at the same time.
const ATTEMPTS: u32 = 5;

/// The scopes that manifests have declared, and the state of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managed {
    pub(super) system: bool,
    pub(super) resources: BTreeSet<String>,
    pub(super) entities: BTreeMap<String, BTreeSet<String>>,
    last_applied: Option<String>,
    apply: Option<String>,
    late: Option<String>,
}

impl Managed {
    /// Returns the scopes of a manifest.
    pub(super) fn of<'a>(scopes: impl IntoIterator<Item = &'a ConfigScope>) -> Self {
        let mut managed = Self::default();
        for scope in scopes {
            managed.add(scope);
        }
        managed
    }

    /// Returns the same record, also with the scopes of a manifest.
    pub(super) fn with(&self, manifest: &Manifest) -> Self {
        let mut both = self.clone();
        for entry in manifest.entries() {
            both.add(&entry.scope);
        }
        both
    }

    pub(super) fn add(&mut self, scope: &ConfigScope) {
        match scope {
            ConfigScope::System => self.system = true,
            ConfigScope::Resource(resource) => {
                self.resources.insert(resource.to_string());
            }
            ConfigScope::Entity(entity) => self.add_entity(entity.as_str(), ALL_RESOURCES),
            ConfigScope::EntityResource(entity, resource) => {
                self.add_entity(entity.as_str(), resource.as_str());
            }
            _ => {}
        }
    }

    fn add_entity(&mut self, entity: &str, resource: &str) {
        let resources = self.entities.entry(entity.to_owned()).or_default();
        resources.insert(resource.to_owned());
    }

    pub(super) fn contains(&self, scope: &ConfigScope) -> bool {
        let has = |entity: &str, resource: &str| {
            let resources = self.entities.get(entity);
            resources.is_some_and(|resources| resources.contains(resource))
        };
        match scope {
            ConfigScope::System => self.system,
            ConfigScope::Resource(resource) => self.resources.contains(resource.as_str()),
            ConfigScope::Entity(entity) => has(entity.as_str(), ALL_RESOURCES),
            ConfigScope::EntityResource(entity, resource) => {
                has(entity.as_str(), resource.as_str())
            }
            _ => false,
        }
    }

    /// Returns the scopes. Names that this version does not allow are left out: nobody can be
    /// limited by them.
    pub(super) fn scopes(&self) -> Vec<ConfigScope> {
        let system = self.system.then_some(ConfigScope::System);
        let resources = self.resources.iter();
        let resources = resources.filter_map(|resource| ConfigScope::resource(resource).ok());
        let entities = self.entities.iter().flat_map(|(entity, resources)| {
            resources
                .iter()
                .filter_map(move |resource| of_entity(entity, resource))
        });
        system
            .into_iter()
            .chain(resources)
            .chain(entities)
            .collect()
    }

    /// Returns true if both have the same scopes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let of = |managed: &Self| {
            let mut entities = managed.entities.clone();
            entities.retain(|_, resources| !resources.is_empty());
            (managed.system, managed.resources.clone(), entities)
        };
        of(self) == of(other)
    }

    /// Returns true if an apply has the record: it runs, or was interrupted.
    pub(super) fn is_claimed(&self) -> bool {
        self.apply.is_some()
    }

    /// Returns true if no item of a table takes the lists.
    pub(super) fn is_too_large(&self) -> bool {
        // A list or a map takes 3 bytes, and each of its elements 1 more than its text.
        let list = |names: &BTreeSet<String>| {
            let names = names.iter().map(|name| name.len() + 1);
            3 + names.sum::<usize>()
        };
        let entities = self.entities.iter();
        let entities = entities.map(|(entity, names)| entity.len() + 1 + list(names));
        list(&self.resources) + 3 + entities.sum::<usize>() > MOST_BYTES
    }

    fn values(&self) -> [(&'static str, AttributeValue); 3] {
        let list = |names: &BTreeSet<String>| AttributeValue::L(names.iter().map(text).collect());
        let entities = self.entities.iter();
        let entities = entities.map(|(entity, resources)| (entity.clone(), list(resources)));
        [
            ("managed_system", AttributeValue::Bool(self.system)),
            ("managed_resources", list(&self.resources)),
            ("managed_entities", AttributeValue::M(entities.collect())),
        ]
    }
}

/// Reads the record, consistently. Also returns the fan-outs that an old provisioner left in it.
pub(super) async fn read(target: &Target) -> Result<(Managed, Vec<(String, String)>), LimitsError> {
    let read = target.client.get_item().table_name(&target.table);
    let read = read.set_key(Some(target.key(PROVISIONER)));
    let output = read.consistent_read(true).send().await;
    let output = output.map_err(|error| OpsError::aws("GetItem", error))?;
    let item = output.item.unwrap_or_default();
    let managed = Managed {
        system: matches!(item.get("managed_system"), Some(AttributeValue::Bool(true))),
        resources: names(item.get("managed_resources")),
        entities: match item.get("managed_entities") {
            Some(AttributeValue::M(entities)) => entities
                .iter()
                .map(|(entity, resources)| (entity.clone(), names(Some(resources))))
                .collect(),
            _ => BTreeMap::new(),
        },
        last_applied: text_of(&item, LAST_APPLIED).map(str::to_owned),
        apply: text_of(&item, APPLY).map(str::to_owned),
        late: text_of(&item, LATE).map(str::to_owned),
    };
    Ok((managed, cascades(&item)))
}

fn names(list: Option<&AttributeValue>) -> BTreeSet<String> {
    let list = list.and_then(|list| list.as_l().ok());
    let names = list.into_iter().flatten();
    names.filter_map(|name| name.as_s().ok().cloned()).collect()
}

fn cascades(item: &Item) -> Vec<(String, String)> {
    let list = item
        .get("cascade_pending")
        .and_then(|list| list.as_l().ok());
    let entries = list.into_iter().flatten();
    entries
        .filter_map(|entry| {
            let entry = entry.as_m().ok()?;
            let field = |name| entry.get(name)?.as_s().ok().cloned();
            Some((field("level")?, field("target")?))
        })
        .collect()
}

/// Writes that everything in `managed` belongs to manifests, for the apply `token`. Returns false
/// if the record is not as it was `read`: another apply began or ended.
pub(super) async fn claim(
    target: &Target,
    read: &Managed,
    managed: &Managed,
    token: &str,
) -> Result<bool, LimitsError> {
    let mut write = Write::new(managed);
    write.set(APPLY, text(token));
    write.unchanged(LAST_APPLIED, read.last_applied.as_deref());
    write.unchanged(APPLY, read.apply.as_deref());
    write.unchanged(LATE, read.late.as_deref());
    write.removes = "REMOVE #late";
    write.send(target).await
}

/// Returns true if the apply `token` still has the record. One round trip.
pub(super) async fn has(target: &Target, token: &str) -> Result<bool, LimitsError> {
    let read = target.client.get_item().table_name(&target.table);
    let read = read
        .set_key(Some(target.key(PROVISIONER)))
        .projection_expression("#apply")
        .expression_attribute_names("#apply", APPLY);
    let output = read.consistent_read(true).send().await;
    let output = output.map_err(|error| OpsError::aws("GetItem", error))?;
    let item = output.item.unwrap_or_default();
    Ok(text_of(&item, APPLY) == Some(token))
}

/// Adds scopes to the lists, for the apply `token`, which was overtaken after it had written them.
pub(super) async fn keep(
    target: &Target,
    scopes: &[ConfigScope],
    token: &str,
) -> Result<(), LimitsError> {
    for _ in 0..ATTEMPTS {
        let (now, _) = read(target).await?;
        let mut both = now.clone();
        for scope in scopes {
            both.add(scope);
        }
        let mut write = Write::new(&both);
        write.set(LATE, text(token));
        write.unchanged(LAST_APPLIED, now.last_applied.as_deref());
        write.unchanged(APPLY, now.apply.as_deref());
        write.unchanged(LATE, now.late.as_deref());
        if write.send(target).await? {
            return Ok(());
        }
    }
    let key = PROVISIONER.to_owned();
    Err(OpsError::Contended { key }.into())
}

/// Writes the scopes of the manifest that is applied now, and ends the apply `token`. Returns false
/// if another apply has begun.
///
/// If an apply that this one overtook has [kept](keep) its scopes meanwhile, the lists stay as they
/// are, which is more: the next apply deletes what is too much.
pub(super) async fn finish(
    target: &Target,
    managed: &Managed,
    token: &str,
    at: &str,
    hash: &str,
) -> Result<bool, LimitsError> {
    let ending = |mut write: Write, late: Option<&str>| {
        write.set(LAST_APPLIED, text(at));
        write.set("applied_hash", text(hash));
        write.unchanged(APPLY, Some(token));
        write.unchanged(LATE, late);
        write.removes = "REMOVE #apply, #late, cascade_pending";
        write.send(target)
    };
    if ending(Write::new(managed), None).await? {
        return Ok(true);
    }
    for _ in 0..ATTEMPTS {
        let (now, _) = read(target).await?;
        if now.apply.as_deref() != Some(token) {
            return Ok(false);
        }
        if ending(Write::default(), now.late.as_deref()).await? {
            return Ok(true);
        }
    }
    let key = PROVISIONER.to_owned();
    Err(OpsError::Contended { key }.into())
}

/// Returns true if the item would be larger than DynamoDB allows.
fn is_too_large(refused: &UpdateItemError) -> bool {
    refused.code() == Some("ValidationException")
        && refused.message().is_some_and(|message| {
            message.contains("maximum allowed size") || message.contains("Item size")
        })
}

/// A conditional write of the record.
#[derive(Default)]
struct Write {
    sets: Vec<(&'static str, AttributeValue)>,
    unchanged: Vec<(&'static str, Option<String>)>,
    removes: &'static str,
}

impl Write {
    fn new(managed: &Managed) -> Self {
        Self {
            sets: managed.values().to_vec(),
            unchanged: Vec::new(),
            removes: "",
        }
    }

    fn set(&mut self, name: &'static str, value: AttributeValue) {
        self.sets.push((name, value));
    }

    fn unchanged(&mut self, name: &'static str, value: Option<&str>) {
        self.unchanged.push((name, value.map(str::to_owned)));
    }

    async fn send(mut self, target: &Target) -> Result<bool, LimitsError> {
        self.set("GSI4PK", text(&target.namespace));
        self.set("GSI4SK", text(target.system_key()));
        let mut update = target.client.update_item().table_name(&target.table);
        update = update.set_key(Some(target.key(PROVISIONER)));
        let (mut sets, mut conditions) = (Vec::new(), Vec::new());
        for (name, value) in self.sets {
            sets.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        for (name, value) in self.unchanged {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match value {
                None => conditions.push(format!("attribute_not_exists(#{name})")),
                Some(value) => {
                    conditions.push(format!("#{name} = :was_{name}"));
                    update =
                        update.expression_attribute_values(format!(":was_{name}"), text(value));
                }
            }
        }
        let written = update
            .update_expression(format!("SET {} {}", sets.join(", "), self.removes))
            .condition_expression(conditions.join(" AND "))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(false),
                Some(refused) if is_too_large(refused) => Err(LimitsError::TooMany),
                _ => Err(OpsError::aws("UpdateItem", error).into()),
            },
        }
    }
}
