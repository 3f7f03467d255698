//! The document: its namespace, the system, resources and entities.

use tollgate::{
    EntityId, Resource,
    model::{ConfigScope, InvalidName, NamespaceName},
};

use super::{
    config::Flags,
    fields::{Fields, Named, refused},
    implicit::is_misread,
    reader::Reader,
};
use crate::{
    fault::ManifestFaults,
    manifest::{ALL_RESOURCES, Manifest, ManifestEntry},
    source::{Place, Source},
    yaml::{Node, Value, tree},
};

const KEYS: [&str; 4] = ["namespace", "system", "resources", "entities"];

/// Reads a manifest. Checks everything, and returns all faults.
pub(crate) fn manifest(source: &Source<'_>) -> Result<Manifest, ManifestFaults> {
    let failed = |faults| ManifestFaults::new(source.file, faults);
    let (root, faults) = tree(source).map_err(failed)?;
    let mut reader = Reader { source, faults };
    let read = reader.document(root.as_ref());
    match read {
        Some(manifest) if reader.faults.is_empty() => Ok(manifest),
        _ => Err(failed(reader.faults)),
    }
}

/// A resource of an entity: `None` stands for all resources.
fn resource_or_all(text: &str) -> Result<Option<Resource>, InvalidName> {
    if text == ALL_RESOURCES {
        return Ok(None);
    }
    Resource::new(text).map(Some)
}

impl Reader<'_> {
    fn document(&mut self, root: Option<&Node>) -> Option<Manifest> {
        let Some(root) = root.filter(|root| !root.is_null()) else {
            let problem = "the file is empty: it needs a namespace, such as `namespace: default`";
            self.fault(Place::default(), problem);
            return None;
        };
        let fields = self.fields(root, "a manifest", &KEYS)?;
        let namespace = self.namespace(&fields);
        let mut entries = Vec::new();
        for (key, node) in fields.all("system") {
            let scope = Some(ConfigScope::System);
            entries.extend(self.entry(scope, key, node, Flags::OnUnavailable));
        }
        for (_, node) in fields.all("resources").filter(|(_, node)| !node.is_null()) {
            for named in self.named(node, "resources", |text| Resource::new(text)) {
                let Named { name, key, value } = named;
                let scope = name.map(ConfigScope::Resource);
                entries.extend(self.entry(scope, key, value, Flags::AccessAndCascade));
            }
        }
        for (_, node) in fields.all("entities").filter(|(_, node)| !node.is_null()) {
            for named in self.named(node, "entities", |text| EntityId::new(text)) {
                self.entity(named.name.as_ref(), named.value, &mut entries);
            }
        }
        Some(Manifest::new(namespace?, entries))
    }

    fn namespace(&mut self, fields: &Fields<'_>) -> Option<NamespaceName> {
        let Some(node) = fields.get("namespace") else {
            let problem = "a manifest needs a namespace, such as `namespace: default`";
            self.fault(Place::default(), problem);
            return None;
        };
        let text = self.text(node, "the namespace")?;
        let is_plain = matches!(node.value, Value::Scalar { is_plain: true, .. });
        match NamespaceName::new(text) {
            Ok(_) if is_plain && is_misread(text) => {
                self.misread(node.place, text);
                None
            }
            Ok(name) => Some(name),
            Err(problem) => {
                self.fault(node.place, refused(problem, text));
                None
            }
        }
    }

    /// Reads an entity. Without its id, for the faults only.
    fn entity(&mut self, entity: Option<&EntityId>, node: &Node, entries: &mut Vec<ManifestEntry>) {
        const NEEDED: &str = "an entity needs `resources`, in it a resource or _default_ for all";
        let known = self.faults.len();
        let Some(fields) = self.fields(node, "an entity", &["resources"]) else {
            return;
        };
        // With another key in its place, the fault of that key says enough.
        if fields.get("resources").is_none() && self.faults.len() == known {
            self.fault(node.place, NEEDED);
        }
        for (_, node) in fields.all("resources") {
            if matches!(&node.value, Value::Map(pairs) if pairs.is_empty()) {
                self.fault(node.place, NEEDED);
            }
            for named in self.named(node, "resources", resource_or_all) {
                let Named { name, key, value } = named;
                let scope = entity.zip(name).map(|(entity, resource)| match resource {
                    Some(resource) => ConfigScope::EntityResource(entity.clone(), resource),
                    None => ConfigScope::Entity(entity.clone()),
                });
                entries.extend(self.entry(scope, key, value, Flags::AccessAndCascade));
            }
        }
    }

    /// Reads a config. Without its scope, for the faults only.
    fn entry(
        &mut self,
        scope: Option<ConfigScope>,
        key: Place,
        node: &Node,
        flags: Flags,
    ) -> Option<ManifestEntry> {
        let config = self.config(key, node, flags)?;
        let mut entry = ManifestEntry::new(scope?, config);
        entry.line = Some(self.source.line(key.start));
        Some(entry)
    }
}
