//! Plays a history.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tollgate::{
    Limit,
    model::{
        BucketState, Guard, Update, WriteId,
        plan::{self, Desired, Others},
    },
};

use super::{
    history::{Act, Amounts, Fate, History, Step},
    item::{Item, NAMES, START, name},
    peers,
};

/// A write that was applied: its time, its step, and the item after it.
pub(super) struct Event<'a> {
    pub(super) at: i64,
    pub(super) step: &'a Step,
    pub(super) after: BucketState,
    pub(super) amounts: [Amounts; 3],
    /// The amount that was spent from each limit after a Python client's slow write had read it.
    /// The write refills that much less.
    pub(super) unseen: [i64; 3],
}

/// The result of a history.
pub(super) struct Played<'a> {
    pub(super) events: Vec<Event<'a>>,
    /// The time in ms by which moves went ahead of the clock. A move in the same millisecond as the
    /// last one moves the anchor by 1 ms.
    pub(super) ahead: i64,
}

#[derive(Clone)]
enum Task {
    Plan,
    Read,
    PlanSlow,
    /// A write, and the image from which it was planned.
    Commit(Box<Update>, Box<BucketState>),
    Land(bool, Box<BucketState>, Box<Update>),
}

/// A queue of tasks. Each has the index of its step and the number of earlier tries.
struct Queue {
    tasks: Vec<(Task, usize, u32)>,
    order: BinaryHeap<Reverse<(i64, usize)>>,
}

impl Queue {
    fn push(&mut self, at: i64, task: Task, step: usize, tries: u32) {
        self.order.push(Reverse((at, self.tasks.len())));
        self.tasks.push((task, step, tries));
    }

    fn pop(&mut self) -> Option<(i64, Task, usize, u32)> {
        let Reverse((at, index)) = self.order.pop()?;
        let (task, step, tries) = self.tasks[index].clone();
        Some((at, task, step, tries))
    }
}

/// A write is given up after this many refusals.
const TRIES: u32 = 4;
/// Marks the last try of a Python client.
const FELL_BACK: u32 = 9;

pub(super) fn play(history: &History) -> Played<'_> {
    let (item, image) = Item::new(&history.first);
    let mut images = vec![image; history.clocks.len()];
    let mut queue = Queue {
        tasks: Vec::new(),
        order: BinaryHeap::new(),
    };
    let mut at = START;
    for (index, step) in history.steps.iter().enumerate() {
        at += step.pause;
        queue.push(at, Task::Plan, index, 0);
    }
    let (mut events, mut ahead) = (Vec::new(), 0);
    while let Some((at, task, index, tries)) = queue.pop() {
        let step = &history.steps[index];
        let now = at + history.clocks[step.writer] + jump(history, at, step.writer);
        let image = &mut images[step.writer];
        match task {
            Task::Plan if step.act == Act::Slow => {
                queue.push(at + step.out, Task::Read, index, tries)
            }
            Task::Plan | Task::PlanSlow => {
                if let Some(update) = planned(history, step, image, now, queue.tasks.len()) {
                    ahead += update
                        .anchor
                        .moves_to()
                        .map_or(0, |to| (to - now.max(image.refilled_at)).max(0));
                    let planned_by = Box::new(image.clone());
                    queue.push(
                        at + step.out,
                        Task::Commit(Box::new(update), planned_by),
                        index,
                        tries,
                    );
                }
            }
            Task::Read => {
                *image = item.read();
                queue.push(at + step.back, Task::PlanSlow, index, tries);
            }
            Task::Commit(update, planned_by) => {
                let repeat = || {
                    let guard = Guard::NotLanded(update.id.clone());
                    Task::Commit(
                        Box::new((*update).clone().with_guard(guard)),
                        planned_by.clone(),
                    )
                };
                let first = tries == 0 && update.guard == Guard::None;
                // The give-back may have been executed, so it is not repeated.
                let repeats = step.amounts.iter().all(|amounts| amounts.give == 0);
                if first && step.fate == Fate::LostBefore {
                    if repeats {
                        queue.push(at + step.back + step.out, repeat(), index, tries);
                    }
                    continue;
                }
                let before = item.read();
                let (done, after) = item.execute(&update);
                if done {
                    let unseen = unseen(step, &planned_by, &before);
                    events.push(Event {
                        at,
                        step,
                        after: after.clone(),
                        amounts: step.done(),
                        unseen,
                    });
                    if first && step.fate == Fate::LostAfter {
                        if repeats {
                            queue.push(at + step.back + step.out, repeat(), index, tries);
                        }
                        continue;
                    }
                }
                queue.push(
                    at + step.back,
                    Task::Land(done, Box::new(after), update),
                    index,
                    tries,
                );
            }
            Task::Land(done, after, update) => {
                *image = *after;
                if done || update.guard != Guard::None {
                    continue;
                }
                match step.act {
                    Act::Slow if history.falls_back && tries != FELL_BACK => {
                        let update = peers::fast(&step.changes(image), now);
                        queue.push(
                            at,
                            Task::Commit(Box::new(update), Box::new(image.clone())),
                            index,
                            FELL_BACK,
                        );
                    }
                    Act::Slow | Act::Fast => {}
                    _ if tries < TRIES => queue.push(at, Task::Plan, index, tries + 1),
                    _ => {}
                }
            }
        }
    }
    Played { events, ahead }
}

/// Returns the amount that was spent from each limit since a slow write read the item.
fn unseen(step: &Step, read: &BucketState, before: &BucketState) -> [i64; 3] {
    let spent = |limit: &str| {
        let tokens = |state: &BucketState| {
            state
                .limit(&name(limit))
                .map_or(0, |limit| limit.level.tokens)
        };
        (tokens(read) - tokens(before)).max(0)
    };
    if step.act == Act::Slow {
        NAMES.map(spent)
    } else {
        [0; 3]
    }
}

/// Returns how far a writer's clock has stepped at `at`.
fn jump(history: &History, at: i64, writer: usize) -> i64 {
    let jumps = history.jumps;
    (at.wrapping_mul(7919) + writer as i64 * 104_729).rem_euclid(2 * jumps + 1) - jumps
}

fn planned(
    history: &History,
    step: &Step,
    image: &BucketState,
    now: i64,
    number: usize,
) -> Option<Update> {
    let changes = step.changes(image);
    let mut own = None;
    let mut limits = Vec::new();
    match &step.act {
        Act::Fast => return Some(peers::fast(&changes, now)),
        Act::Slow => return peers::slow(image, &changes, now),
        Act::Write => {}
        Act::Move => own = Some(image.expires_at.is_some()),
        Act::Parameters(new) => {
            for (text, new) in NAMES.iter().zip(new).take(image.limits().len()) {
                limits.extend(new.map(|(cp, ra, rp)| {
                    let tokens = |amount: i64| u64::try_from(amount / 1000).unwrap();
                    let period = Duration::from_millis(u64::try_from(rp).unwrap());
                    Limit::new(*text, tokens(cp), tokens(ra), period).unwrap()
                }));
            }
        }
    }
    // The image alone decides a denial.
    if plan::is_short(image, &changes, now) {
        return None;
    }
    let taken = image.limits().iter().map(|_| step.taken).collect();
    let others = Others {
        peers: history.peers,
        slack: history.slack,
        taken,
    };
    let wanted = Desired {
        limits: &limits,
        own,
        lineage: None,
        others,
        ..Desired::default()
    };
    Some(plan::update(
        image,
        &changes,
        wanted,
        now,
        WriteId::from_number(number as u64 + 1),
    ))
}
