//! Implements [`Records`] for the table.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    super::{
        DynamoDbStore,
        attributes::{
            ALL_RESOURCES, ENTITY_CONFIG_RESOURCES, PK, RESOURCES, SK, STATE, bucket_key,
            bucket_prefix, children_key, entities_with_config_key, entity_key, resource_key,
            system_key,
        },
        encode,
        expression::text,
        failure::store_error,
    },
    audit,
    batch::{self, Item, name, text_of},
    bucket_item::decode_bucket,
    client_version::{self, Feature},
    config_changes, configs, deletion, entities, look_up, moves,
    pages::{self, PartitionQuery},
    scan, usage,
};
use crate::{
    model::{
        AuditEvent, AuditSubject, BucketKey, BucketState, ConfigChange, ConfigFlag, ConfigScope,
        Entity, EntityId, Operation, OperationRecord, ParentLink, Resource, StoredConfig,
        UsageQuery, UsageSnapshot,
    },
    store::{
        BucketListing, Cursor, LookUp, Page, ReadConsistency, Records, ResourceListing, StoreError,
        StoreFuture,
    },
};

impl Records for DynamoDbStore {
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
        consistency: ReadConsistency,
    ) -> StoreFuture<'a, LookUp> {
        Box::pin(look_up::look_up(self, entity, scopes, shard, consistency))
    }

    fn put_config<'a>(
        &'a self,
        scope: &'a ConfigScope,
        config: &'a StoredConfig,
    ) -> StoreFuture<'a, ()> {
        Box::pin(configs::put(
            &self.control,
            &self.table,
            &self.namespace,
            scope,
            config,
        ))
    }

    fn put_flag<'a>(&'a self, scope: &'a ConfigScope, flag: ConfigFlag) -> StoreFuture<'a, ()> {
        Box::pin(configs::put_flag(
            &self.control,
            &self.table,
            &self.namespace,
            scope,
            flag,
        ))
    }

    fn delete_config<'a>(&'a self, scope: &'a ConfigScope) -> StoreFuture<'a, bool> {
        Box::pin(configs::delete(
            &self.control,
            &self.table,
            &self.namespace,
            scope,
        ))
    }

    fn change_configs<'a>(
        &'a self,
        changes: &'a [ConfigChange],
        events: &'a [(AuditEvent, i64)],
    ) -> StoreFuture<'a, bool> {
        Box::pin(config_changes::change(
            &self.control,
            &self.table,
            &self.namespace,
            changes,
            events,
        ))
    }

    fn list_resources(&self, listing: ResourceListing) -> StoreFuture<'_, Vec<Resource>> {
        Box::pin(self.resources(listing))
    }

    fn list_entities_with_limits<'a>(
        &'a self,
        resource: Option<&'a Resource>,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<EntityId>> {
        Box::pin(async move {
            let word = resource.map_or(ALL_RESOURCES, Resource::as_str);
            let listing = index(
                "GSI3",
                "GSI3PK",
                entities_with_config_key(&self.namespace, word),
            );
            self.page(&listing, from, |item| name(item, "GSI3SK", EntityId::new))
                .await
        })
    }

    fn create_entity<'a>(&'a self, entity: &'a Entity) -> StoreFuture<'a, bool> {
        Box::pin(entities::create(
            &self.control,
            &self.table,
            &self.namespace,
            entity,
        ))
    }

    fn delete_entity<'a>(&'a self, entity: &'a EntityId) -> StoreFuture<'a, u64> {
        Box::pin(deletion::delete(
            &self.control,
            &self.table,
            &self.namespace,
            entity,
        ))
    }

    fn list_children<'a>(
        &'a self,
        parent: &'a EntityId,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<Entity>> {
        Box::pin(async move {
            let listing = index("GSI1", "GSI1PK", children_key(&self.namespace, parent));
            self.page(&listing, from, entities::decode).await
        })
    }

    fn list_buckets<'a>(
        &'a self,
        listing: &'a BucketListing,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<(BucketKey, BucketState)>> {
        Box::pin(self.buckets(listing, from))
    }

    fn existing_shards<'a>(&'a self, shards: &'a [BucketKey]) -> StoreFuture<'a, Vec<BucketKey>> {
        Box::pin(async move {
            let keys = shards
                .iter()
                .map(|shard| encode::key(&self.namespace, shard));
            let items = batch::get(&self.control, &self.table, keys.collect(), true).await?;
            let found: HashSet<_> = items.iter().filter_map(|item| text_of(item, PK)).collect();
            let existing = shards.iter().filter(|shard| {
                let hash = bucket_key(&self.namespace, shard);
                found.contains(hash.as_str())
            });
            Ok(existing.cloned().collect())
        })
    }

    fn append_audit<'a>(&'a self, event: &'a AuditEvent, expires_at: i64) -> StoreFuture<'a, ()> {
        Box::pin(audit::append(
            &self.control,
            &self.table,
            &self.namespace,
            event,
            expires_at,
        ))
    }

    fn list_audit<'a>(
        &'a self,
        subject: &'a AuditSubject,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<AuditEvent>> {
        Box::pin(async move {
            self.page(
                &audit::listing(&self.namespace, subject),
                from,
                audit::decode,
            )
            .await
        })
    }

    fn move_entity<'a>(
        &'a self,
        entity: &'a EntityId,
        parent: Option<&'a EntityId>,
    ) -> StoreFuture<'a, Option<(Entity, Entity)>> {
        Box::pin(moves::move_entity(
            &self.control,
            &self.table,
            &self.namespace,
            entity,
            parent,
        ))
    }

    fn stamp_bucket<'a>(
        &'a self,
        shard: &'a BucketKey,
        link: &'a ParentLink,
    ) -> StoreFuture<'a, bool> {
        Box::pin(moves::stamp(
            &self.control,
            &self.table,
            &self.namespace,
            shard,
            link,
        ))
    }

    fn allow_moves(&self) -> StoreFuture<'_, ()> {
        Box::pin(client_version::ratchet(
            &self.control,
            &self.table,
            Feature::Moves,
        ))
    }

    fn read_shards<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Vec<BucketState>> {
        Box::pin(self.shards_of(bucket))
    }

    fn find_operation<'a>(
        &'a self,
        bucket: &'a BucketKey,
        key: &'a str,
    ) -> StoreFuture<'a, Option<OperationRecord>> {
        Box::pin(self.operation_of(bucket, key))
    }

    fn operate<'a>(&'a self, operation: &'a Operation) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(operation))
    }

    fn allow_top_up(&self) -> StoreFuture<'_, ()> {
        Box::pin(client_version::ratchet(
            &self.control,
            &self.table,
            Feature::TopUps,
        ))
    }

    fn principal(&self) -> StoreFuture<'_, Option<String>> {
        Box::pin(async move {
            match &self.caller {
                Some(caller) => Ok(caller.arn().await),
                None => Ok(None),
            }
        })
    }

    fn list_usage<'a>(
        &'a self,
        query: &'a UsageQuery,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<UsageSnapshot>> {
        Box::pin(usage::list(
            &self.control,
            &self.table,
            &self.namespace,
            query,
            from,
        ))
    }
}

impl DynamoDbStore {
    async fn page<T>(
        &self,
        listing: &PartitionQuery,
        from: Option<&Cursor>,
        decode: impl Fn(&Item) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let page = pages::page(&self.control, &self.table, listing, from).await?;
        let rows = page.rows.iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Page::new(rows, page.next))
    }

    async fn resources(&self, listing: ResourceListing) -> Result<Vec<Resource>, StoreError> {
        let list = match listing {
            ResourceListing::WithDefaults => RESOURCES,
            ResourceListing::WithEntityLimits => ENTITY_CONFIG_RESOURCES,
        };
        let output = self
            .control
            .get_item()
            .table_name(&self.table)
            .key(PK, text(system_key(&self.namespace)))
            .key(SK, text(list))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_error)?;
        let item = output.item.unwrap_or_default();
        let mut resources: Vec<Resource> = match (listing, item.get("resources")) {
            (ResourceListing::WithDefaults, Some(AttributeValue::Ss(names))) => names
                .iter()
                .filter_map(|name| Resource::new(name).ok())
                .collect(),
            (ResourceListing::WithDefaults, _) => Vec::new(),
            // The item has one count per resource, and its keys, which are texts.
            (ResourceListing::WithEntityLimits, _) => {
                let counted = item.iter().filter(|(_, count)| is_positive(count));
                counted
                    .filter_map(|(name, _)| Resource::new(name).ok())
                    .collect()
            }
        };
        resources.sort();
        Ok(resources)
    }

    async fn buckets(
        &self,
        listing: &BucketListing,
        from: Option<&Cursor>,
    ) -> Result<Page<(BucketKey, BucketState)>, StoreError> {
        let mut listing = match listing {
            BucketListing::All => return self.scan_buckets(from).await,
            BucketListing::OfEntity(entity) => {
                index("GSI3", "GSI3PK", entity_key(&self.namespace, entity))
            }
            BucketListing::OfResource(resource) => {
                index("GSI2", "GSI2PK", resource_key(&self.namespace, resource))
            }
        };
        listing.range = Some((
            if listing.index == Some("GSI3") {
                "GSI3SK"
            } else {
                "GSI2SK"
            },
            "BUCKET#".into(),
        ));
        // The index may contain keys only: read the items by key, one batch per page.
        listing.most = Some(batch::READS);
        let page = pages::page(&self.control, &self.table, &listing, from).await?;
        let keys = page.rows.iter().filter_map(|item| {
            let (hash, range) = (text_of(item, PK)?, text_of(item, SK)?);
            Some(HashMap::from([
                (PK.to_owned(), text(hash)),
                (SK.to_owned(), text(range)),
            ]))
        });
        let items = batch::get(&self.control, &self.table, keys.collect(), true).await?;
        let mut rows = items
            .iter()
            .map(decode_bucket)
            .collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|(one, _), (other, _)| {
            (&one.entity, &one.resource, one.shard).cmp(&(
                &other.entity,
                &other.resource,
                other.shard,
            ))
        });
        Ok(Page::new(rows, page.next))
    }
}

impl DynamoDbStore {
    /// Checks that the table's functions understand sessions, bypasses, cascade rules and soft
    /// limits, as far as `configs` have some. Writes nothing. To store such a config checks the
    /// same: this is for callers that store many, and want all of them or none. At most one read.
    ///
    /// # Errors
    /// [`Rejected`](crate::store::StoreErrorKind::Rejected) with the version of the functions if
    /// they are too old, and the errors of reads.
    pub async fn check_functions(&self, configs: &[&StoredConfig]) -> Result<(), StoreError> {
        client_version::check_functions(&self.control, &self.table, configs).await
    }

    /// Reads one page of the whole table, of at most a megabyte, and keeps the buckets of the
    /// namespace.
    async fn scan_buckets(
        &self,
        from: Option<&Cursor>,
    ) -> Result<Page<(BucketKey, BucketState)>, StoreError> {
        let prefix = bucket_prefix(&self.namespace);
        let page = scan::page(&self.control, &self.table, (&prefix, STATE), from).await?;
        let rows = page
            .rows
            .iter()
            .map(decode_bucket)
            .collect::<Result<_, _>>()?;
        Ok(Page::new(rows, page.next))
    }
}

fn index(index: &'static str, hash: &'static str, value: String) -> PartitionQuery {
    PartitionQuery {
        index: Some(index),
        hash: (hash, value),
        range: None,
        backwards: false,
        consistent: false,
        most: None,
    }
}

fn is_positive(count: &AttributeValue) -> bool {
    matches!(count, AttributeValue::N(number) if number.parse::<i64>().is_ok_and(|count| count > 0))
}
