//! Combines the numbers of an answer.

use super::table::Field;

/// The numbers of an answer that have come so far.
pub(super) struct Counts<F> {
    found: F,
}

impl<F: Fn(Field) -> Option<u64>> Counts<F> {
    pub(super) fn new(found: F) -> Self {
        Self { found }
    }

    /// Returns a number. `None` compares as less than any number.
    fn field(&self, field: Field) -> Option<u64> {
        (self.found)(field)
    }

    /// Returns the input tokens.
    pub(super) fn input(&self) -> Option<u64> {
        let (fresh, cache_reads) = self.input_parts();
        add([fresh, cache_reads]).or(self.field(Field::BilledInput))
    }

    /// Returns the input tokens, without those that were read from a cache.
    pub(super) fn fresh_input(&self) -> Option<u64> {
        self.input_parts().0.or(self.field(Field::BilledInput))
    }

    /// Returns the new input tokens, and those that were read from a cache.
    fn input_parts(&self) -> (Option<u64>, Option<u64>) {
        // A message of Anthropic's may consist of iterations, which its own numbers need not
        // include. So the larger one of its own number and the sum over the iterations is taken.
        let [input, creation, read] = [
            (Field::Input, Field::IterationInput),
            (Field::CacheCreation, Field::IterationCacheCreation),
            (Field::CacheRead, Field::IterationCacheRead),
        ]
        .map(|(whole, sum)| self.field(whole).max(self.field(sum)));
        let (all, beside) = match self.field(Field::Prompt) {
            // Gateways that translate between APIs send the prompt tokens and the input tokens. The
            // prompt includes the tokens of the caches.
            Some(prompt) => (add([Some(prompt), self.field(Field::Tools)]), None),
            None => (add([input, creation]), read),
        };
        match (all, self.field(Field::Cached)) {
            // If the cached tokens are more than the whole, they are not a part of it: some of
            // xAI's models count them separately from the prompt.
            (Some(all), Some(cached)) => (
                Some(all.checked_sub(cached).unwrap_or(all)),
                add([Some(cached), beside]),
            ),
            (all, _) => (all, beside),
        }
    }

    /// Returns the output tokens.
    pub(super) fn output(&self) -> Option<u64> {
        let said = self
            .field(Field::Output)
            .max(self.field(Field::IterationOutput));
        let rest = self
            .field(Field::Total)
            .zip(self.input())
            .and_then(|(total, input)| total.checked_sub(input));
        let output = match rest.filter(|rest| *rest > 0) {
            // Reasoning counts as output, but may be missing in both numbers. xAI includes it only
            // in the total. Gemini includes it in the number of the candidates or reports it
            // separately, depending on the model.
            Some(rest) => said.max(Some(rest)),
            None => add([said, self.field(Field::Thoughts)]),
        };
        output
            .or(self.field(Field::FirstOutput))
            .or(self.field(Field::BilledOutput))
    }

    /// Returns `true` if the output tokens are those of a whole answer, as far as is known.
    pub(super) fn has_whole_output(&self) -> bool {
        [Field::Output, Field::IterationOutput, Field::BilledOutput]
            .into_iter()
            .any(|field| self.field(field).is_some())
    }

    /// Returns the input and output tokens.
    pub(super) fn total(&self) -> Option<u64> {
        self.field(Field::Total)
            .max(add([self.input(), self.output()]))
    }

    /// Returns `true` if the total is that of a whole answer, as far as is known.
    pub(super) fn has_whole_total(&self) -> bool {
        let (total, input) = (self.field(Field::Total), self.input());
        if self.has_whole_output() {
            total.or(input).is_some()
        } else {
            total.is_some() && input.is_none()
        }
    }
}

/// Returns the sum of the amounts that are there; `None` if there are none.
pub(super) fn add(amounts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    amounts.into_iter().flatten().reduce(u64::saturating_add)
}
