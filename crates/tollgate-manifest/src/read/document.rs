//! The document: its namespace, the system, resources and entities.

use tollgate::{
    EntityId, Resource,
    model::{ConfigScope, InvalidName, NamespaceName},
};

use super::{config::Flags, fields::Fields, reader::Reader};
use crate::{
    fault::ManifestFaults,
    manifest::{ALL_RESOURCES, Manifest, ManifestEntry},
    source::{Place, Source},
    yaml::{Node, tree},
};

const KEYS: [&str; 4] = ["namespace", "system", "resources", "entities"];

/// Reads a manifest. Checks everything, and returns all faults.
pub(crate) fn manifest(source: &Source<'_>) -> Result<Manifest, ManifestFaults> {
    let failed = |faults| ManifestFaults::new(source.file, faults);
    let root = tree(source).map_err(|fault| failed(vec![fault]))?;
    let mut reader = Reader {
        source,
        faults: Vec::new(),
    };
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
        if let (Some(key), Some(node)) = (fields.key("system"), fields.get("system")) {
            entries.extend(self.entry(ConfigScope::System, key, node, Flags::OnUnavailable));
        }
        if let Some(node) = fields.get("resources").filter(|node| !node.is_null()) {
            for (resource, key, node) in self.named(node, "resources", |text| Resource::new(text)) {
                let scope = ConfigScope::Resource(resource);
                entries.extend(self.entry(scope, key, node, Flags::AccessAndCascade));
            }
        }
        if let Some(node) = fields.get("entities").filter(|node| !node.is_null()) {
            for (entity, _, node) in self.named(node, "entities", |text| EntityId::new(text)) {
                self.entity(&entity, node, &mut entries);
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
        match NamespaceName::new(text) {
            Ok(name) => Some(name),
            Err(problem) => {
                self.fault(node.place, problem.to_string());
                None
            }
        }
    }

    fn entity(&mut self, entity: &EntityId, node: &Node, entries: &mut Vec<ManifestEntry>) {
        let Some(fields) = self.fields(node, "an entity", &["resources"]) else {
            return;
        };
        let Some(node) = fields.get("resources") else {
            let problem = "an entity needs `resources`, in it a resource or _default_ for all";
            self.fault(node.place, problem);
            return;
        };
        for (resource, key, node) in self.named(node, "resources", resource_or_all) {
            let scope = match resource {
                Some(resource) => ConfigScope::EntityResource(entity.clone(), resource),
                None => ConfigScope::Entity(entity.clone()),
            };
            entries.extend(self.entry(scope, key, node, Flags::AccessAndCascade));
        }
    }

    fn entry(
        &mut self,
        scope: ConfigScope,
        key: Place,
        node: &Node,
        flags: Flags,
    ) -> Option<ManifestEntry> {
        let config = self.config(key, node, flags)?;
        let mut entry = ManifestEntry::new(scope, config);
        entry.line = Some(self.source.line(key.start));
        Some(entry)
    }
}
