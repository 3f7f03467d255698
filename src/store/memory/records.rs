//! Stored limits, entities and history in memory.

use std::future::ready;

use super::MemoryStore;
use crate::{
    model::{
        AuditEvent, AuditSubject, BucketKey, BucketState, ConfigChange, ConfigFlag, ConfigScope,
        Entity, EntityId, Operation, OperationRecord, ParentLink, Resource, StoredConfig,
    },
    store::{
        BucketListing, Cursor, LookUp, Page, ReadConsistency, Records, ResourceListing, StoreFuture,
    },
};

/// The number of rows of a page.
const PAGE: usize = 100;

impl Records for MemoryStore {
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
        _: ReadConsistency,
    ) -> StoreFuture<'a, LookUp> {
        let mut found = self.tables.look_up(entity, scopes);
        found.shard = shard.and_then(|shard| self.try_read(shard));
        done(found)
    }

    fn put_config<'a>(
        &'a self,
        scope: &'a ConfigScope,
        config: &'a StoredConfig,
    ) -> StoreFuture<'a, ()> {
        let mut tables = self.tables.write();
        let mut config = config.clone();
        if let Some(before) = tables.configs.get(scope) {
            config.access = config.access.or(before.access);
            config.cascade = config.cascade.or(before.cascade);
            config.audit_retention_days = before.audit_retention_days;
        }
        tables.configs.insert(scope.clone(), config);
        done(())
    }

    fn put_flag<'a>(&'a self, scope: &'a ConfigScope, flag: ConfigFlag) -> StoreFuture<'a, ()> {
        let mut tables = self.tables.write();
        match flag {
            ConfigFlag::Access(None) | ConfigFlag::Cascade(None)
                if !tables.configs.contains_key(scope) =>
            {
                return done(());
            }
            _ => {}
        }
        let config = tables.configs.entry(scope.clone()).or_default();
        match flag {
            ConfigFlag::Access(access) => config.access = access,
            ConfigFlag::Cascade(cascade) => config.cascade = cascade,
        }
        done(())
    }

    fn delete_config<'a>(&'a self, scope: &'a ConfigScope) -> StoreFuture<'a, bool> {
        let mut tables = self.tables.write();
        let Some(before) = tables.configs.remove(scope) else {
            return done(false);
        };
        if before.audit_retention_days.is_some() {
            let days = StoredConfig {
                audit_retention_days: before.audit_retention_days,
                ..StoredConfig::default()
            };
            tables.configs.insert(scope.clone(), days);
        }
        done(!before.has_only_days())
    }

    fn change_configs<'a>(
        &'a self,
        changes: &'a [ConfigChange],
        events: &'a [(AuditEvent, i64)],
    ) -> StoreFuture<'a, bool> {
        let mut tables = self.tables.write();
        let as_read = |change: &ConfigChange| change.is_of(tables.configs.get(&change.scope));
        if !changes.iter().all(as_read) {
            return done(false);
        }
        for change in changes {
            let before = tables.configs.remove(&change.scope);
            let days = before.and_then(|before| before.audit_retention_days);
            if change.after.is_some() || days.is_some() {
                let mut after = change.after.clone().unwrap_or_default();
                after.audit_retention_days = days;
                tables.configs.insert(change.scope.clone(), after);
            }
        }
        for (event, _) in events {
            let history = tables.audit.entry(event.entity_id.clone()).or_default();
            history.push(event.clone());
        }
        done(true)
    }

    fn list_resources(&self, listing: ResourceListing) -> StoreFuture<'_, Vec<Resource>> {
        let tables = self.tables.read();
        let named = tables
            .configs
            .keys()
            .filter_map(|scope| match (listing, scope) {
                (ResourceListing::WithDefaults, ConfigScope::Resource(resource))
                | (ResourceListing::WithEntityLimits, ConfigScope::EntityResource(_, resource)) => {
                    Some(resource.clone())
                }
                _ => None,
            });
        let mut resources: Vec<Resource> = named.collect();
        resources.sort();
        resources.dedup();
        done(resources)
    }

    fn list_entities_with_limits<'a>(
        &'a self,
        resource: Option<&'a Resource>,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<EntityId>> {
        let tables = self.tables.read();
        let named = tables
            .configs
            .keys()
            .filter_map(|scope| match (resource, scope) {
                (None, ConfigScope::Entity(entity)) => Some(entity.clone()),
                (Some(wanted), ConfigScope::EntityResource(entity, resource))
                    if resource == wanted =>
                {
                    Some(entity.clone())
                }
                _ => None,
            });
        let mut entities: Vec<EntityId> = named.collect();
        entities.sort();
        done(page(entities, EntityId::as_str, from))
    }

    fn create_entity<'a>(&'a self, entity: &'a Entity) -> StoreFuture<'a, bool> {
        let mut tables = self.tables.write();
        let new = !tables.entities.contains_key(&entity.id);
        if new {
            tables.entities.insert(entity.id.clone(), entity.clone());
        }
        done(new)
    }

    fn delete_entity<'a>(&'a self, entity: &'a EntityId) -> StoreFuture<'a, u64> {
        let mut tables = self.tables.write();
        let before = tables.configs.len();
        tables.configs.retain(|scope, _| match scope {
            ConfigScope::Entity(id) | ConfigScope::EntityResource(id, _) => id != entity,
            _ => true,
        });
        let configs = before - tables.configs.len();
        let entities = usize::from(tables.entities.remove(entity).is_some());
        let operations = tables.operations.len();
        tables.operations.retain(|(id, ..), _| id != entity);
        let operations = operations - tables.operations.len();
        let buckets = self.buckets.remove_of(entity);
        done((configs + entities + operations + buckets) as u64)
    }

    fn list_children<'a>(
        &'a self,
        parent: &'a EntityId,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<Entity>> {
        let tables = self.tables.read();
        let children = tables
            .entities
            .values()
            .filter(|entity| entity.parent.as_ref() == Some(parent));
        done(page(
            children.cloned().collect(),
            |entity| entity.id.as_str(),
            from,
        ))
    }

    fn list_buckets<'a>(
        &'a self,
        listing: &'a BucketListing,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<(BucketKey, BucketState)>> {
        let mut rows = self.buckets.list(|key| match listing {
            BucketListing::OfEntity(entity) => *key.entity == *entity,
            BucketListing::OfResource(resource) => *key.resource == *resource,
            BucketListing::All => true,
        });
        // The rows of an entity differ in the resource, the rows of a resource in the entity.
        let name = |(key, _): &'_ (BucketKey, BucketState)| match listing {
            BucketListing::OfEntity(_) => key.resource.to_string(),
            BucketListing::OfResource(_) => key.entity.to_string(),
            BucketListing::All => format!("{}#{}", key.entity, key.resource),
        };
        rows.sort_by_key(name);
        let start = match from.map(|cursor| cursor.as_str().to_owned()) {
            None => 0,
            Some(last) => rows.partition_point(|row| name(row) <= last),
        };
        let rest = rows.split_off(start);
        done(cut(rest, name))
    }

    fn append_audit<'a>(&'a self, event: &'a AuditEvent, _: i64) -> StoreFuture<'a, ()> {
        self.tables
            .write()
            .audit
            .entry(event.entity_id.clone())
            .or_default()
            .push(event.clone());
        done(())
    }

    fn move_entity<'a>(
        &'a self,
        entity: &'a EntityId,
        parent: Option<&'a EntityId>,
    ) -> StoreFuture<'a, Option<(Entity, Entity)>> {
        let mut tables = self.tables.write();
        let moved = tables.entities.get_mut(entity).map(|entity| {
            let before = entity.clone();
            entity.parent = parent.cloned();
            entity.generation = Some(entity.generation.unwrap_or(0).saturating_add(1));
            (before, entity.clone())
        });
        done(moved)
    }

    fn stamp_bucket<'a>(
        &'a self,
        shard: &'a BucketKey,
        link: &'a ParentLink,
    ) -> StoreFuture<'a, bool> {
        done(self.try_stamp(shard, link))
    }

    fn read_shards<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Vec<BucketState>> {
        done(self.try_read_shards(bucket))
    }

    fn find_operation<'a>(
        &'a self,
        bucket: &'a BucketKey,
        key: &'a str,
    ) -> StoreFuture<'a, Option<OperationRecord>> {
        done(self.try_find_operation(bucket, key))
    }

    fn operate<'a>(&'a self, operation: &'a Operation) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.try_operate(operation)))
    }

    fn list_audit<'a>(
        &'a self,
        subject: &'a AuditSubject,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<AuditEvent>> {
        let tables = self.tables.read();
        let mut events = tables
            .audit
            .get(&subject.to_string())
            .cloned()
            .unwrap_or_default();
        events.sort_by(|one, other| other.event_id.cmp(&one.event_id));
        if let Some(cursor) = from {
            events.retain(|event| event.event_id.as_str() < cursor.as_str());
        }
        done(cut(events, |event| event.event_id.clone()))
    }
}

fn done<'a, T: Send + 'a>(value: T) -> StoreFuture<'a, T> {
    Box::pin(ready(Ok(value)))
}

/// Returns the page of the sorted `rows` that begins after `from`.
fn page<T>(mut rows: Vec<T>, name: impl Fn(&T) -> &str, from: Option<&Cursor>) -> Page<T> {
    let start = match from {
        None => 0,
        Some(cursor) => rows.partition_point(|row| name(row) <= cursor.as_str()),
    };
    let rest = rows.split_off(start);
    cut(rest, |row| name(row).to_owned())
}

/// Returns the first rows, and the cursor of the next page.
fn cut<T>(mut rows: Vec<T>, name: impl Fn(&T) -> String) -> Page<T> {
    if rows.len() <= PAGE {
        return Page::new(rows, None);
    }
    rows.truncate(PAGE);
    let next = rows.last().map(|row| Cursor::new(name(row)));
    Page::new(rows, next)
}
