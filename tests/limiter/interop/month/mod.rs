//! A month of virtual time in which four limiters of this crate and four Python clients use the
//! same quotas, one after the other and all at once, against a model that is computed by hand.

mod member;
mod model;

use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use serde_json::json;
use tokio::task::JoinSet;
use tollgate::{
    Limit, RateLimiter, Resource,
    clock::ManualClock,
    model::{ConfigScope, Entity, EntityId},
};

use self::{
    member::{Member, Python},
    model::{BEGIN, Bucket, Costs, DAY, END, Level, PeriodId, SECOND, full, period},
};
use super::peer::{Maker, STACK, Table, settings, table_or_skip};

fn limits() -> Vec<Limit> {
    vec![
        Limit::quota("day", 1000).daily("Europe/Berlin").unwrap(),
        Limit::quota("month", 9000)
            .monthly("Europe/Berlin")
            .unwrap(),
        Limit::quota("session", 300)
            .session(Duration::from_secs(5 * 3600))
            .unwrap(),
        // A bucket that refills moves the anchor with most writes.
        Limit::per_day("rate", 1_000_000_000),
    ]
}

struct Held {
    id: u64,
    member: usize,
    entities: Vec<&'static str>,
    costs: Costs,
    /// The period of each limit in each bucket that was charged.
    periods: Vec<BTreeMap<&'static str, PeriodId>>,
}

struct Fleet {
    table: Table,
    clock: ManualClock,
    members: Vec<Member>,
    buckets: BTreeMap<&'static str, Bucket>,
    held: Vec<Held>,
    parent: &'static str,
    /// `true` if the buckets of `user` have several shards. A Python client denies a cost that no
    /// shard holds alone.
    is_split: bool,
}

impl Fleet {
    async fn start(table: Table) -> Self {
        let clock = ManualClock::at(BEGIN);
        let mut members = Vec::new();
        for _ in 0..4 {
            let settings = settings().clock(clock.clone());
            let open = RateLimiter::open()
                .stack(STACK)
                .client(table.engine.client());
            members.push(Member::Ours(
                open.settings(settings).await.unwrap(),
                BTreeMap::new(),
            ));
            members.push(Member::Theirs(Box::new(Python::start(&table))));
        }
        let api = ConfigScope::Resource(Resource::new("api").unwrap());
        table.ours.config().set(api, limits()).await.unwrap();
        let entity = |name: &str| EntityId::new(name).unwrap();
        let entities = table.ours.entities();
        for parent in ["org", "other"] {
            entities.create(Entity::new(entity(parent))).await.unwrap();
        }
        let child = Entity::new(entity("child")).with_parent(entity("org"));
        entities.create(child.cascading()).await.unwrap();
        let buckets = ["org", "other", "child", "user"].map(|name| (name, full()));
        Self {
            table,
            clock,
            members,
            buckets: buckets.into(),
            held: Vec::new(),
            parent: "org",
            is_split: false,
        }
    }

    fn level(&mut self, entity: &str, name: &str, now: i64) -> &mut Level {
        let bucket = self.buckets.get_mut(entity).unwrap();
        bucket.get_mut(name).unwrap().at(name, now)
    }

    /// Acquires with random costs, and checks the decision.
    async fn take(&mut self, now: i64, random: &mut Rng, what: &str) {
        let entities = if random.bool() {
            vec!["user"]
        } else {
            vec!["child", self.parent]
        };
        let mut costs = Costs::new();
        for (name, most) in [("day", 180), ("month", 250), ("session", 90), ("rate", 5)] {
            // A denied parent leaves the child's session open or not: that depends on who is asked
            // first.
            let ambiguous = name == "session" && entities.len() > 1;
            if !ambiguous && random.u8(..3) > 0 {
                costs.insert(name, random.i64(1..=most));
            }
        }
        if costs.is_empty() {
            return;
        }
        if entities[0] == "user" {
            costs.entry("session").or_insert(1);
        }
        let mut fits = true;
        for entity in &entities {
            for (name, cost) in &costs {
                fits &= self.level(entity, name, now).left >= *cost;
            }
        }
        let member = random.usize(..self.members.len());
        let hold = (random.u8(..3) == 0).then(|| random.u64(..));
        let granted = self.members[member]
            .take(now, entities[0], &costs, hold)
            .await;
        let is_alone = self.is_split && matches!(self.members[member], Member::Theirs(_));
        assert!(
            granted == fits || (is_alone && !granted && entities[0] == "user"),
            "{what}: {member} takes {costs:?} of {entities:?}: {:?}",
            self.buckets
        );
        if !granted {
            return;
        }
        let mut periods = Vec::new();
        for entity in &entities {
            let taken = costs.iter().map(|(name, cost)| {
                let level = self.buckets.get_mut(entity).unwrap().get_mut(name).unwrap();
                (*name, level.take(name, *cost, now))
            });
            periods.push(taken.collect());
        }
        if let Some(id) = hold {
            self.held.push(Held {
                id,
                member,
                entities,
                costs,
                periods,
            });
        }
    }

    /// Ends a lease, with more or less than it was charged.
    async fn settle(&mut self, now: i64, random: &mut Rng) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.swap_remove(random.usize(..self.held.len()));
        let mut changes = Costs::new();
        let theirs = matches!(self.members[held.member], Member::Theirs(_));
        for (name, cost) in &held.costs {
            let all = held.entities.iter().zip(&held.periods);
            let mut all = all.map(|(entity, periods)| (*entity, periods[name]));
            // A Python client takes more from a period that has ended, if nobody has charged the
            // next one yet.
            let ended = theirs && all.any(|(entity, id)| self.level(entity, name, now).id() != id);
            // A debt of one shard does not stop the others.
            let may_owe = *name != "session" && !self.is_split && !ended;
            let most = if may_owe { cost / 2 } else { 0 };
            changes.insert(name, random.i64(-cost..=most));
        }
        self.members[held.member]
            .settle(now, held.id, &held.costs, &changes)
            .await;
        for (entity, periods) in held.entities.iter().zip(&held.periods) {
            for (name, change) in &changes {
                let level = self.level(entity, name, now);
                if *change > 0 || level.id() == periods[name] {
                    level.left -= change;
                }
            }
        }
    }

    /// Resets a bucket, adds to it, or gives the child another parent.
    async fn operate(&mut self, now: i64, random: &mut Rng) {
        let member = random.usize(..self.members.len());
        let entity = ["user", "child", self.parent][random.usize(..3)];
        let names = ["day", "month", "session"];
        let name = names[random.usize(..if entity == "user" { 3 } else { 2 })];
        let member = &mut self.members[member];
        match random.u8(..3) {
            0 => {
                member.reset(now, entity, &[name]).await;
                self.level(entity, name, now).reset(name);
            }
            1 => {
                let amount = random.u32(1..200);
                member.top_up(now, entity, name, amount.into()).await;
                self.level(entity, name, now).take(name, 1, now);
                self.level(entity, name, now).left += i64::from(amount) + 1;
            }
            _ => {
                self.parent = ["org", "other"][random.usize(..2)];
                member.move_to(now, "child", self.parent).await;
            }
        }
    }

    /// Has a Python client double the shards of a bucket.
    async fn grow(&mut self, now: i64) {
        let command = json!({"entity": "user", "count": 1});
        for member in &mut self.members {
            if let Member::Theirs(python) = member {
                python.ask(now, "grow", command).await;
                self.is_split = true;
                return;
            }
        }
    }

    /// Has all members charge the same bucket at once, until nothing is left of one limit.
    async fn rush(&mut self, now: i64, random: &mut Rng, what: &str) {
        let left = ["day", "session"].map(|name| self.level("user", name, now).left);
        let mut cost = |left: i64| (left / random.i64(3..8)).max(1);
        let costs = Costs::from([("day", cost(left[0])), ("session", cost(left[1]))]);
        let mut asked = JoinSet::new();
        for (index, mut member) in self.members.drain(..).enumerate() {
            let costs = costs.clone();
            asked.spawn(async move {
                let granted = member.take(now, "user", &costs, None).await;
                (index, member, granted)
            });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by_key(|(index, ..)| *index);
        let mut granted = 0;
        let who: Vec<_> = answers.iter().map(|(_, _, granted)| *granted).collect();
        for (_, member, is_granted) in answers {
            self.members.push(member);
            granted += i64::from(is_granted);
        }
        let fits = costs
            .values()
            .zip(left)
            .map(|(cost, left)| left.max(0) / cost);
        let expected = fits.min().unwrap().min(8);
        let least = if self.is_split { 0 } else { expected };
        assert!(
            (least..=expected).contains(&granted),
            "{what}: all take {costs:?} of {left:?}: {who:?}"
        );
        if granted > 0 {
            for (name, cost) in costs {
                let level = self.level("user", name, now);
                level.take(name, granted * cost, now);
            }
        }
    }
}

async fn month(seed: u64, grows_at: i64) {
    let table = table_or_skip!(Maker::Theirs);
    let mut random = Rng::with_seed(seed);
    let mut fleet = Fleet::start(table).await;
    let mut now = BEGIN;
    while now < END {
        now += SECOND
            * match random.u8(..8) {
                0 => random.i64(1..40_000),
                1..=4 => random.i64(1..7200),
                _ => random.i64(1..300),
            };
        if random.u8(..6) == 0 {
            // To a day's edge, or a second beside it.
            let edge = period("day", now + DAY);
            now = now.max(edge + SECOND * random.i64(-1..=1));
        }
        fleet.clock.set(now);
        let what = format!("seed {seed}, {now}");
        if now >= grows_at && !fleet.is_split {
            fleet.grow(now).await;
        }
        match random.u8(..12) {
            0..6 => fleet.take(now, &mut random, &what).await,
            6..9 => fleet.settle(now, &mut random).await,
            9 => fleet.rush(now, &mut random, &what).await,
            _ => fleet.operate(now, &mut random).await,
        }
    }
    drop(fleet.table);
}

#[tokio::test]
async fn a_month_of_eight_clients_of_both_kinds_is_exact() {
    month(fastrand::u64(..), END).await;
}

#[tokio::test]
async fn a_month_with_a_split_in_it_grants_no_period_twice() {
    month(fastrand::u64(..), BEGIN + 12 * DAY).await;
}
