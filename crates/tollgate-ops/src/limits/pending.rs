//! Writes of buckets that are owed: items in the form of the Python client's provisioner.
//!
//! An item is written before the config that makes buckets change, and removed when they have
//! changed. `owners` has each apply that took the work on, with the end of its lease. Another apply
//! takes over only the shares of applies that are certainly gone.

use aws_sdk_dynamodb::{
    error::SdkError,
    types::{
        AttributeValue, Delete, Update,
        builders::{DeleteBuilder, UpdateBuilder},
    },
};
use tollgate::model::ConfigScope;

use super::{
    error::LimitsError,
    level::{described, level, scope, target as target_of},
    owed::OwedFanOut,
    target::Target,
};
use crate::{
    attributes::{SK, number, number_of, text, text_of},
    error::OpsError,
    record::Item,
};

/// The beginning of the sort keys.
const PREFIX: &str = "#PROVISIONER#PENDING#";

const OWNERS: &str = "owners";
/// The end of an owner's lease, epoch ms.
const LEASE: &str = "lease";
/// True if the owner writes every config, also those that are unchanged, and has recorded all that
/// it owes.
const FULL: &str = "full";

/// A part of a config that buckets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Disabled,
    Cascade,
    Soft,
    /// The limits of an entity.
    Sync,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Cascade => "cascade",
            Self::Soft => "soft",
            Self::Sync => "sync",
        }
    }
}

/// An item, or an entry of an old record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    kind: String,
    level: String,
    target: String,
    owners: Vec<Share>,
    /// True if the item has a map of owners, which may be empty.
    pub(super) has_map: bool,
    /// True for the work that an apply of everything records last, and releases last.
    pub(super) completes_full: bool,
    /// True for an entry of the record of managed scopes, which old provisioners wrote.
    is_in_record: bool,
}

/// The share of an owner.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    token: String,
    /// The end of the lease, epoch ms.
    lease: Option<i64>,
    /// True if the owner writes everything, and has recorded all that it owes.
    is_full: bool,
}

impl Share {
    fn is_over(&self, now: i64) -> bool {
        self.lease.unwrap_or(0) < now
    }
}

impl Pending {
    /// Returns the work that an apply owes for a scope.
    pub(super) fn new(kind: Kind, of: &ConfigScope) -> Self {
        Self {
            kind: kind.word().to_owned(),
            level: level(of).to_owned(),
            target: target_of(of),
            owners: Vec::new(),
            has_map: false,
            completes_full: false,
            is_in_record: false,
        }
    }

    /// Returns the entry of an old record.
    pub(super) fn old_cascade((level, target): (String, String)) -> Self {
        Self {
            kind: Kind::Cascade.word().to_owned(),
            level,
            target,
            owners: Vec::new(),
            has_map: false,
            completes_full: false,
            is_in_record: true,
        }
    }

    /// Returns the scope whose buckets are to be written, if this version knows it.
    pub(super) fn scope(&self) -> Option<ConfigScope> {
        scope(&self.level, &self.target)
    }

    /// Returns the work for people.
    pub(super) fn owed(&self) -> OwedFanOut {
        let named = || format!("{}: {}", self.level, self.target);
        OwedFanOut {
            kind: self.kind.clone(),
            scope: self.scope().as_ref().map_or_else(named, described),
            held_until: self.held_until(now()),
        }
    }

    /// Returns the time until which every owner may still work; `None` if one is certainly gone.
    fn held_until(&self, now: i64) -> Option<i64> {
        let leases = self.owners.iter().map(|share| share.lease.unwrap_or(0));
        leases.min().filter(|lease| *lease >= now)
    }

    /// Returns true if an apply that wrote everything was interrupted, and has left this.
    pub(super) fn is_of_full(&self) -> bool {
        let at = now();
        let mut owners = self.owners.iter();
        owners.any(|share| share.is_full && share.is_over(at))
    }

    pub(super) fn sort_key(&self) -> String {
        format!("{PREFIX}{}#{}#{}", self.kind, self.level, self.target)
    }
}

/// Returns the time, epoch ms.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Reads all items, consistently.
pub(super) async fn read(target: &Target) -> Result<Vec<Pending>, LimitsError> {
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let query = target.client.query().table_name(&target.table);
        let query = query
            .key_condition_expression("PK = :hash AND begins_with(SK, :prefix)")
            .expression_attribute_values(":hash", text(target.system_key()))
            .expression_attribute_values(":prefix", text(PREFIX))
            .consistent_read(true)
            .set_exclusive_start_key(from);
        let page = query.send().await;
        let page = page.map_err(|error| OpsError::aws("Query", error))?;
        found.extend(page.items.unwrap_or_default().iter().filter_map(decode));
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}

fn decode(item: &Item) -> Option<Pending> {
    let map = item.get(OWNERS).and_then(|owners| owners.as_m().ok());
    let owners = map.into_iter().flatten().map(|(token, owner)| {
        let owner = owner.as_m().ok();
        let full = owner.and_then(|owner| owner.get(FULL)?.as_bool().ok());
        Share {
            token: token.clone(),
            lease: owner.and_then(|owner| number_of(owner, LEASE)),
            is_full: full == Some(&true),
        }
    });
    let mut pending = Pending {
        kind: text_of(item, "kind")?.to_owned(),
        level: text_of(item, "level")?.to_owned(),
        target: text_of(item, "target")?.to_owned(),
        owners: owners.collect(),
        has_map: map.is_some(),
        completes_full: false,
        is_in_record: false,
    };
    // The key is what later calls name: an item of another form is not ours to judge.
    if text_of(item, SK)? != pending.sort_key() {
        return None;
    }
    // One owner, in attributes of the item: an older form.
    if text_of(item, "token").is_some() {
        pending.owners.push(Share {
            token: "token".into(),
            lease: number_of(item, "lease_until_ms"),
            is_full: item.get(FULL).and_then(|full| full.as_bool().ok()) == Some(&true),
        });
    }
    Some(pending)
}

/// An apply that owns work.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) token: String,
    /// The length of a lease, milliseconds.
    pub(super) lease: i64,
    /// True if this apply resumes one that writes everything. If it is interrupted, the next such
    /// apply resumes it.
    pub(super) resumes: bool,
}

impl Owner {
    fn entry(&self, is_full: bool) -> AttributeValue {
        let until = now().saturating_add(self.lease);
        AttributeValue::M(Item::from([
            (LEASE.to_owned(), number(until)),
            (FULL.to_owned(), AttributeValue::Bool(is_full)),
        ]))
    }

    /// Returns the write that records that this apply owes the work. Another owner keeps its share.
    /// It either creates the map of owners, or adds to it: one expression cannot do both.
    pub(super) fn recording(
        &self,
        target: &Target,
        work: &Pending,
        is_first: bool,
    ) -> UpdateBuilder {
        const META: &str = "GSI4PK = :namespace, GSI4SK = :hash, kind = :kind, #level = :level, #target = :target, \
                            written_ms = :written";
        let update = Update::builder()
            .table_name(&target.table)
            .set_key(Some(target.key(&work.sort_key())))
            .expression_attribute_names("#owners", OWNERS)
            .expression_attribute_names("#level", "level")
            .expression_attribute_names("#target", "target")
            .expression_attribute_values(":namespace", text(&target.namespace))
            .expression_attribute_values(":hash", text(target.system_key()))
            .expression_attribute_values(":kind", text(&work.kind))
            .expression_attribute_values(":level", text(&work.level))
            .expression_attribute_values(":target", text(&work.target))
            .expression_attribute_values(":written", number(now()));
        if is_first {
            let owners = Item::from([(self.token.clone(), self.entry(work.completes_full))]);
            return update
                .update_expression(format!("SET #owners = :owners, {META}"))
                .condition_expression("attribute_not_exists(#owners)")
                .expression_attribute_values(":owners", AttributeValue::M(owners));
        }
        update
            .update_expression(format!("SET #owners.#me = :me, {META}"))
            .condition_expression("attribute_exists(#owners)")
            .expression_attribute_names("#me", &self.token)
            .expression_attribute_values(":me", self.entry(work.completes_full))
    }

    /// Records that this apply owes the work.
    pub(super) async fn record(&self, target: &Target, work: &Pending) -> Result<(), LimitsError> {
        let is_first = !work.has_map;
        for is_first in [is_first, !is_first, is_first, !is_first] {
            if alone(target, self.recording(target, work, is_first)).await? {
                return Ok(());
            }
        }
        let key = work.sort_key();
        Err(OpsError::Contended { key }.into())
    }

    /// Takes over the shares of applies that are certainly gone. Returns false if there are none,
    /// or if another apply was faster.
    pub(super) async fn claim(&self, target: &Target, work: &Pending) -> Result<bool, LimitsError> {
        let at = now();
        if work.is_in_record {
            return Ok(true);
        }
        if work.held_until(at).is_some() {
            return Ok(false);
        }
        let mut update = self.update(target, work);
        let mut conditions = vec!["attribute_exists(PK)".to_owned()];
        let mut removes = Vec::new();
        let gone = work.owners.iter().filter(|share| share.is_over(at));
        for (index, Share { token, .. }) in gone.enumerate() {
            if token == "token" {
                update = update.expression_attribute_names("#token", "token");
                conditions.push("attribute_exists(#token)".into());
                removes.extend(["#token", "lease_until_ms", "#full"].map(str::to_owned));
                update = update.expression_attribute_names("#full", FULL);
                continue;
            }
            let owner = format!("#owners.#gone{index}");
            update = update.expression_attribute_names(format!("#gone{index}"), token);
            conditions.push(format!("{owner}.#lease < :now"));
            removes.push(owner);
        }
        if removes.iter().any(|removed| removed.starts_with("#owners")) {
            update = update
                .expression_attribute_names("#lease", LEASE)
                .expression_attribute_values(":now", number(at));
        } else if work.has_map {
            conditions.push("size(#owners) = :none".into());
            update = update.expression_attribute_values(":none", number(0));
        }
        let set = if work.has_map {
            update = update
                .expression_attribute_names("#me", &self.token)
                .expression_attribute_values(":me", self.entry(self.resumes));
            "#owners.#me = :me"
        } else {
            conditions.push("attribute_not_exists(#owners)".into());
            let owners = Item::from([(self.token.clone(), self.entry(self.resumes))]);
            update = update.expression_attribute_values(":owners", AttributeValue::M(owners));
            "#owners = :owners"
        };
        let remove = if removes.is_empty() {
            String::new()
        } else {
            format!(" REMOVE {}", removes.join(", "))
        };
        let update = update
            .update_expression(format!("SET {set}{remove}"))
            .condition_expression(conditions.join(" AND "));
        done(update.send().await)
    }

    /// Returns the deletion of the item of work that is done, on condition that no other apply has
    /// a share.
    pub(super) fn deletion(&self, target: &Target, work: &Pending) -> DeleteBuilder {
        Delete::builder()
            .table_name(&target.table)
            .set_key(Some(target.key(&work.sort_key())))
            .condition_expression(
                "attribute_exists(#owners.#me) AND size(#owners) = :one AND attribute_not_exists(#token)",
            )
            .expression_attribute_names("#owners", OWNERS)
            .expression_attribute_names("#me", &self.token)
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":one", number(1))
    }

    /// Removes this apply's share of work that is done, and the item if no share is left.
    pub(super) async fn release(&self, target: &Target, work: &Pending) -> Result<(), LimitsError> {
        if work.is_in_record {
            return Ok(());
        }
        let deletion = self.deletion(target, work);
        let deleted = target
            .client
            .delete_item()
            .set_table_name(deletion.get_table_name().clone())
            .set_key(deletion.get_key().clone())
            .set_condition_expression(deletion.get_condition_expression().clone())
            .set_expression_attribute_names(deletion.get_expression_attribute_names().clone())
            .set_expression_attribute_values(deletion.get_expression_attribute_values().clone())
            .send()
            .await;
        if done_delete(deleted)? {
            return Ok(());
        }
        // Others have shares too, or this one was taken over: its lease had ended.
        let update = self
            .update(target, work)
            .update_expression("REMOVE #owners.#me")
            .condition_expression("attribute_exists(#owners.#me)")
            .expression_attribute_names("#me", &self.token);
        done(update.send().await).map(|_| ())
    }

    /// Ends this apply's lease on work that it could not do: the next apply can take it over. It
    /// was not interrupted: the next apply that writes everything begins from the start.
    pub(super) async fn expire(&self, target: &Target, work: &Pending) -> Result<(), LimitsError> {
        let update = self
            .update(target, work)
            .update_expression("SET #owners.#me.#lease = :past, #owners.#me.#full = :no")
            .condition_expression("attribute_exists(#owners.#me)")
            .expression_attribute_names("#me", &self.token)
            .expression_attribute_names("#lease", LEASE)
            .expression_attribute_names("#full", FULL)
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":past", number(now() - 1));
        done(update.send().await).map(|_| ())
    }

    /// Returns true if this apply has a share of the work, and its lease has not ended.
    pub(super) fn holds(&self, work: &Pending) -> bool {
        let at = now();
        let mut owners = work.owners.iter();
        owners.any(|share| share.token == self.token && !share.is_over(at))
    }

    /// Returns the write that ends this apply's lease on work after an interrupt. If it writes
    /// everything, the next such apply resumes it.
    pub(super) fn end_of_lease(&self, target: &Target, work: &Pending) -> UpdateBuilder {
        Update::builder()
            .table_name(&target.table)
            .set_key(Some(target.key(&work.sort_key())))
            .update_expression("SET #owners.#me.#lease = :past")
            .condition_expression("attribute_exists(#owners.#me)")
            .expression_attribute_names("#owners", OWNERS)
            .expression_attribute_names("#me", &self.token)
            .expression_attribute_names("#lease", LEASE)
            .expression_attribute_values(":past", number(now() - 1))
    }

    fn update(
        &self,
        target: &Target,
        work: &Pending,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let update = target.client.update_item().table_name(&target.table);
        update
            .set_key(Some(target.key(&work.sort_key())))
            .expression_attribute_names("#owners", OWNERS)
    }
}

/// Sends a write that can be part of a transaction by itself. Returns false if its condition did not
/// hold.
pub(super) async fn alone(target: &Target, write: UpdateBuilder) -> Result<bool, LimitsError> {
    let update = target.client.update_item();
    let update = update
        .set_table_name(write.get_table_name().clone())
        .set_key(write.get_key().clone())
        .set_update_expression(write.get_update_expression().clone())
        .set_condition_expression(write.get_condition_expression().clone())
        .set_expression_attribute_names(write.get_expression_attribute_names().clone())
        .set_expression_attribute_values(write.get_expression_attribute_values().clone());
    done(update.send().await)
}

/// Returns false if the condition did not hold.
fn done<T, R: std::fmt::Debug + Send + Sync + 'static>(
    written: Result<T, SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError, R>>,
) -> Result<bool, LimitsError> {
    match written {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(refused) if refused.is_conditional_check_failed_exception() => Ok(false),
            _ => Err(OpsError::aws("UpdateItem", error).into()),
        },
    }
}

/// Returns false if the condition did not hold.
fn done_delete<T, R: std::fmt::Debug + Send + Sync + 'static>(
    deleted: Result<T, SdkError<aws_sdk_dynamodb::operation::delete_item::DeleteItemError, R>>,
) -> Result<bool, LimitsError> {
    match deleted {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(refused) if refused.is_conditional_check_failed_exception() => Ok(false),
            _ => Err(OpsError::aws("DeleteItem", error).into()),
        },
    }
}
