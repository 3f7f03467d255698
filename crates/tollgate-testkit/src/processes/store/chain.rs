//! Finds the order in which the engine did the writes of one limit of one item.

use super::{
    order::{Step, order},
    write::Write,
};

/// Millitokens that left a bucket or were given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    /// The worker, if it is known.
    pub(crate) worker: Option<usize>,
    /// The latest time at which the write can have been done: epoch µs.
    pub(crate) at: i64,
    pub(crate) millitokens: i64,
    /// The index of the write, if it was answered.
    pub(crate) write: Option<usize>,
}

/// The charges of one limit of one item, in the order in which they were done.
///
/// Each image contains the consumption counter, so each answered write shows the counter that it
/// found. Chaining these counters gives the order. A gap in the chain is the charge of writes whose
/// answers were lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) charges: Vec<Charge>,
    /// The millitokens that no write explains. Zero unless something is wrong.
    pub(crate) unexplained: i64,
    /// The longest time between sending a write and its answer, µs.
    pub(crate) window: i64,
}

impl Chain {
    /// Orders the writes of the limit. `last` is the counter at the end.
    pub(crate) fn of(writes: &[Write], item: &str, limit: &str, last: i64) -> Self {
        let of_item = |(_, write): &(usize, &Write)| write.item == item;
        let mut answered = Vec::new();
        let mut lost: Vec<&Write> = Vec::new();
        for (index, write) in writes.iter().enumerate().filter(of_item) {
            match write.done {
                Some(true) => answered.push((index, write)),
                None => lost.push(write),
                Some(false) => {}
            }
        }
        let steps = answered.iter().map(|(_, write)| Step {
            sent: write.sent,
            answered: write.answered,
            charge: charge(write, limit),
            after: after(write, limit),
        });
        let steps: Vec<Step> = steps.collect();
        let mut chain = Self {
            window: answered
                .iter()
                .map(|(_, write)| write.answered - write.sent)
                .max()
                .unwrap_or(0),
            ..Self::default()
        };
        let mut counter = 0;
        for position in order(&steps) {
            let (index, write) = answered[position];
            let charge = charge(write, limit);
            if let Some(after) = after(write, limit) {
                chain.explain(&mut lost, limit, after - charge - counter, write.answered);
                counter = after;
            } else {
                counter += charge;
            }
            let at = write.answered;
            chain.charges.push(Charge {
                worker: Some(write.worker),
                at,
                millitokens: charge,
                write: Some(index),
            });
        }
        chain.explain(&mut lost, limit, last - counter, i64::MAX);
        chain
    }

    /// Adds the unanswered writes that charged `gap` before `until`.
    fn explain(&mut self, lost: &mut Vec<&Write>, limit: &str, gap: i64, until: i64) {
        if gap == 0 {
            return;
        }
        let candidates: Vec<usize> = (0..lost.len())
            .filter(|index| lost[*index].sent < until)
            .collect();
        let amounts: Vec<i64> = candidates
            .iter()
            .map(|index| charge(lost[*index], limit))
            .collect();
        let Some(chosen) = choose(&amounts, gap) else {
            self.unexplained += gap.abs();
            let at = until.min(self.charges.last().map_or(0, |charge| charge.at));
            self.charges.push(Charge {
                worker: None,
                at,
                millitokens: gap,
                write: None,
            });
            return;
        };
        for position in chosen.into_iter().rev() {
            let write = lost.remove(candidates[position]);
            let at = write.answered.min(until);
            self.charges.push(Charge {
                worker: Some(write.worker),
                at,
                millitokens: charge(write, limit),
                write: None,
            });
        }
    }
}

/// Returns the counter after a write.
fn after(write: &Write, limit: &str) -> Option<i64> {
    write
        .image
        .as_ref()?
        .levels
        .get(limit)
        .map(|level| level.consumed)
}

fn charge(write: &Write, limit: &str) -> i64 {
    write.charges.get(limit).copied().unwrap_or(0)
}

/// Returns the positions of the amounts whose sum is `sum`, in ascending order. Considers 16
/// amounts, and uses as few as possible.
fn choose(amounts: &[i64], sum: i64) -> Option<Vec<usize>> {
    let amounts = &amounts[..amounts.len().min(16)];
    let mut sets: Vec<u32> = (1..1_u32 << amounts.len()).collect();
    sets.sort_by_key(|set| set.count_ones());
    let chosen = |set: u32| (0..amounts.len()).filter(move |index| set >> index & 1 == 1);
    sets.into_iter()
        .find(|set| chosen(*set).map(|index| amounts[index]).sum::<i64>() == sum)
        .map(|set| chosen(set).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::write::{Image, Level},
        *,
    };

    fn write(worker: usize, sent: i64, answered: i64, charge: i64, after: Option<i64>) -> Write {
        let level = |consumed| Level {
            consumed,
            ..Level::default()
        };
        let image = |consumed| Image {
            levels: BTreeMap::from([("rpm".to_owned(), level(consumed))]),
            ..Image::default()
        };
        Write {
            worker,
            item: "i".to_owned(),
            sent,
            answered,
            charges: BTreeMap::from([("rpm".to_owned(), charge)]),
            done: after.map(|_| true),
            image: after.map(image),
        }
    }

    fn workers(chain: &Chain) -> Vec<usize> {
        chain
            .charges
            .iter()
            .filter_map(|charge| charge.worker)
            .collect()
    }

    #[test]
    fn writes_at_the_same_time_are_ordered_by_the_counter() {
        let writes = [
            write(1, 0, 10, 5, Some(12)),
            write(2, 1, 9, 4, Some(16)),
            write(3, 2, 12, 7, Some(7)),
        ];
        let chain = Chain::of(&writes, "i", "rpm", 16);
        assert_eq!((workers(&chain), chain.unexplained), (vec![3, 1, 2], 0));
    }

    #[test]
    fn a_gap_is_explained_by_lost_answers() {
        let writes = [
            write(1, 0, 10, 5, Some(5)),
            write(2, 11, 20, 4, None),
            write(3, 11, 20, 3, None),
            write(4, 30, 40, 5, Some(14)),
        ];
        let chain = Chain::of(&writes, "i", "rpm", 17);
        assert_eq!((workers(&chain), chain.unexplained), (vec![1, 2, 4, 3], 0));
    }

    #[test]
    fn a_counter_that_comes_by_again_is_followed() {
        // Writes 1 and 2 both found the counter 0. Write 2 was done first, and write 3 brought the
        // counter back to 0.
        let writes = [
            write(1, 0, 9, -2, Some(-2)),
            write(2, 0, 10, 5, Some(5)),
            write(3, 1, 11, -5, Some(0)),
        ];
        let chain = Chain::of(&writes, "i", "rpm", -2);
        assert_eq!((workers(&chain), chain.unexplained), (vec![2, 3, 1], 0));
    }

    #[test]
    fn another_gap_is_reported() {
        let writes = [write(1, 0, 10, 5, Some(5)), write(2, 30, 40, 5, Some(11))];
        assert_eq!(Chain::of(&writes, "i", "rpm", 11).unexplained, 1);
    }
}
