//! Finds the order of concurrent steps by a counter.

use std::collections::BTreeMap;

/// The maximum number of partial orders that are followed at the same time.
const MOST: usize = 256;

/// A change of the counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The step was done between these times.
    pub(super) sent: i64,
    pub(super) answered: i64,
    /// The amount that the step added to the counter.
    pub(super) charge: i64,
    /// The counter after the step, if known.
    pub(super) after: Option<i64>,
}

/// A partial order, from the beginning.
#[derive(Clone, Debug)]
struct Beginning {
    /// The sum of the differences between the counter and the values that steps found.
    gaps: i64,
    counter: i64,
    /// The steps that may be next: indexes, in ascending order.
    pending: Vec<usize>,
    /// The index of the first step that is not in `pending` yet.
    next: usize,
    /// The last step of the order, as a node in the tree of all orders.
    last: Option<usize>,
}

/// Returns the order of the steps with the smallest gaps between the counter after one step and the
/// counter that the next step found, as positions in `steps`. The counter begins at zero.
pub(super) fn order(steps: &[Step]) -> Vec<usize> {
    let mut by_time: Vec<usize> = (0..steps.len()).collect();
    by_time.sort_by_key(|position| steps[*position].sent);
    let sorted: Vec<Step> = by_time.iter().map(|position| steps[*position]).collect();
    // Every order is a path from a leaf to the root. A node has a step and its parent node.
    let mut tree: Vec<(usize, Option<usize>)> = Vec::new();
    let mut beginnings = vec![Beginning {
        gaps: 0,
        counter: 0,
        pending: Vec::new(),
        next: 0,
        last: None,
    }];
    for _ in 0..sorted.len() {
        let mut longer: BTreeMap<(i64, Vec<usize>), Beginning> = BTreeMap::new();
        for beginning in beginnings {
            for one in beginning.extended(&sorted, &mut tree) {
                // Two orders that lead to the same state continue in the same way: keep the one
                // with the smaller gaps.
                let known = longer
                    .entry((one.counter, one.pending.clone()))
                    .or_insert_with(|| one.clone());
                if one.gaps < known.gaps {
                    *known = one;
                }
            }
        }
        beginnings = longer.into_values().collect();
        beginnings.sort_by_key(|beginning| beginning.gaps);
        beginnings.truncate(MOST);
    }
    let mut order = Vec::with_capacity(sorted.len());
    let mut node = beginnings.first().and_then(|beginning| beginning.last);
    while let Some((step, before)) = node.map(|node| tree[node]) {
        order.push(by_time[step]);
        node = before;
    }
    order.reverse();
    order
}

impl Beginning {
    /// Extends this order by each step that may be next. If some steps found exactly this counter,
    /// extends it only by those.
    fn extended(mut self, steps: &[Step], tree: &mut Vec<(usize, Option<usize>)>) -> Vec<Self> {
        // If a step was sent after another step was answered, it was not done before that step.
        let first_answer =
            |pending: &[usize]| pending.iter().map(|index| steps[*index].answered).min();
        while self.next < steps.len()
            && first_answer(&self.pending).is_none_or(|answer| steps[self.next].sent <= answer)
        {
            self.pending.push(self.next);
            self.next += 1;
        }
        let Some(last) = first_answer(&self.pending) else {
            return Vec::new();
        };
        let gap = |index: usize| {
            let step = &steps[index];
            // A step whose counter is unknown may follow any other step.
            step.after
                .map_or(0, |after| (after - step.charge - self.counter).abs())
        };
        let possible: Vec<usize> = self
            .pending
            .iter()
            .copied()
            .filter(|index| steps[*index].sent <= last)
            .collect();
        let any_fits = possible.iter().any(|index| gap(*index) == 0);
        let chosen = possible
            .into_iter()
            .filter(|index| !any_fits || gap(*index) == 0);
        let extend = |index: usize| {
            let step = &steps[index];
            tree.push((index, self.last));
            Self {
                gaps: self.gaps.saturating_add(gap(index)),
                counter: step.after.unwrap_or(self.counter + step.charge),
                pending: self
                    .pending
                    .iter()
                    .copied()
                    .filter(|pending| *pending != index)
                    .collect(),
                next: self.next,
                last: Some(tree.len() - 1),
            }
        };
        chosen.map(extend).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns steps in the order in which they were done, each concurrent with about `others`
    /// other steps.
    fn steps(seed: u64, others: i64) -> Vec<Step> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut counter = 0;
        let step = |at: i64| {
            let charge = random.i64(-3..=6);
            counter += charge;
            let (sent, answered) = (
                at * 10 - random.i64(0..others * 10),
                at * 10 + random.i64(0..others * 10),
            );
            Step {
                sent,
                answered,
                charge,
                after: Some(counter),
            }
        };
        (0..300).map(step).collect()
    }

    fn gaps(steps: &[Step], order: &[usize]) -> i64 {
        let mut counter = 0;
        let mut gaps = 0;
        for step in order.iter().map(|position| &steps[*position]) {
            gaps += step
                .after
                .map_or(0, |after| (after - step.charge - counter).abs());
            counter = step.after.unwrap_or(counter + step.charge);
        }
        gaps
    }

    #[test]
    fn whatever_was_done_at_the_same_time_has_an_order() {
        for seed in 0..100 {
            let steps = steps(seed, 4);
            let order = order(&steps);
            assert_eq!((gaps(&steps, &order), order.len()), (0, 300), "seed {seed}");
        }
    }

    #[test]
    fn a_step_that_does_not_tell_the_counter_fits_in() {
        let mut steps = steps(1, 2);
        steps
            .iter_mut()
            .step_by(7)
            .for_each(|step| step.after = None);
        let order = order(&steps);
        assert_eq!((gaps(&steps, &order), order.len()), (0, 300));
    }

    #[test]
    fn a_missing_step_leaves_one_gap() {
        let mut steps = steps(2, 3);
        let missing = steps.remove(150);
        let order = order(&steps);
        assert_eq!(gaps(&steps, &order), missing.charge.abs());
    }
}
