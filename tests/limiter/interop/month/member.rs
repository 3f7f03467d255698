//! The processes of the month: limiters of this crate, and Python clients in virtual time.

use std::{collections::BTreeMap, env, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tollgate::{EntityId, Lease, RateLimiter};

use super::{
    super::peer::{STACK, Table},
    model::{Costs, NAMES, SECOND},
};

/// A Python client in virtual time.
pub(super) struct Python {
    // Killed on drop.
    _child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Python {
    pub(super) fn start(table: &Table) -> Self {
        let mut command = Command::new(env::var_os("TOLLGATE_PEER_PYTHON").unwrap());
        command
            .args(["-c", include_str!("client.py")])
            .args([&table.engine.endpoint(), STACK, &table.theirs.namespace])
            .env("AWS_ACCESS_KEY_ID", table.engine.access_key())
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the peer starts");
        Self {
            commands: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            _child: child,
        }
    }

    pub(super) async fn ask(&mut self, now: i64, op: &str, mut command: Value) -> Value {
        command["now"] = json!(now / SECOND);
        command["op"] = json!(op);
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.unwrap();
        let answer = self.answers.next_line().await.unwrap();
        let answer = answer.unwrap_or_else(|| panic!("no answer to {command}"));
        serde_json::from_str(&answer).unwrap()
    }
}

/// A process of the fleet.
pub(super) enum Member {
    Ours(RateLimiter, BTreeMap<u64, Lease>),
    Theirs(Box<Python>),
}

impl Member {
    /// Charges a bucket, and commits the lease unless it is held under an id.
    pub(super) async fn take(
        &mut self,
        now: i64,
        entity: &str,
        costs: &Costs,
        hold: Option<u64>,
    ) -> bool {
        match self {
            Self::Ours(limiter, held) => {
                let mut acquire = limiter.acquire(entity, "api");
                for name in NAMES {
                    // A limit without a cost would be charged 1, unlike there.
                    let cost = costs.get(name).copied().unwrap_or(0);
                    acquire = acquire.cost(name, u64::try_from(cost).unwrap());
                }
                let lease = match acquire.await {
                    Ok(lease) => lease,
                    Err(error) => {
                        assert!(error.denied().is_some(), "{error:?}");
                        return false;
                    }
                };
                match hold {
                    Some(id) => _ = held.insert(id, lease),
                    None => lease.commit().await.unwrap(),
                }
                true
            }
            Self::Theirs(python) => {
                let command = json!({"entity": entity, "costs": costs, "hold": hold});
                python.ask(now, "take", command).await == json!(true)
            }
        }
    }

    /// Gives a bucket the whole amounts of some limits again.
    pub(super) async fn reset(&mut self, now: i64, entity: &str, limits: &[&str]) {
        match self {
            Self::Ours(limiter, _) => {
                let reset = limiter.buckets().reset(entity, "api");
                reset.limits(limits.iter().copied()).await.unwrap();
            }
            Self::Theirs(python) => {
                let command = json!({"entity": entity, "limits": limits});
                python.ask(now, "reset", command).await;
            }
        }
    }

    /// Adds to a quota.
    pub(super) async fn top_up(&mut self, now: i64, entity: &str, limit: &str, amount: u64) {
        match self {
            Self::Ours(limiter, _) => {
                let top_up = limiter.buckets().top_up(entity, "api", [(limit, amount)]);
                top_up.await.unwrap();
            }
            Self::Theirs(python) => {
                let command = json!({"entity": entity, "amounts": {limit: amount}});
                python.ask(now, "top_up", command).await;
            }
        }
    }

    /// Gives an entity another parent.
    pub(super) async fn move_to(&mut self, now: i64, entity: &str, parent: &str) {
        match self {
            Self::Ours(limiter, _) => {
                let id = |name: &str| EntityId::new(name).unwrap();
                let entities = limiter.entities();
                entities
                    .set_parent(&id(entity), Some(&id(parent)))
                    .await
                    .unwrap();
            }
            Self::Theirs(python) => {
                let command = json!({"entity": entity, "parent": parent});
                python.ask(now, "move", command).await;
            }
        }
    }

    /// Ends a lease that is held: its charge becomes `costs` plus `changes`.
    pub(super) async fn settle(&mut self, now: i64, hold: u64, costs: &Costs, changes: &Costs) {
        match self {
            Self::Ours(_, held) => {
                let mut lease = held.remove(&hold).unwrap();
                for (name, change) in changes {
                    let used = costs[name] + change;
                    lease.settle(name, u64::try_from(used).unwrap()).unwrap();
                }
                lease.commit().await.unwrap();
            }
            Self::Theirs(python) => {
                let command = json!({"hold": hold, "changes": changes});
                python.ask(now, "settle", command).await;
            }
        }
    }
}
