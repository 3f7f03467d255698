//! What the numbers of an answer come to.

use super::table::Field;

/// The numbers of an answer, as far as they have come.
pub(super) struct Counts<F> {
    found: F,
}

impl<F: Fn(Field) -> Option<u64>> Counts<F> {
    pub(super) fn new(found: F) -> Self {
        Self { found }
    }

    /// Returns a number. `None` is less than any.
    fn field(&self, field: Field) -> Option<u64> {
        (self.found)(field)
    }

    /// Tokens in.
    pub(super) fn input(&self) -> Option<u64> {
        let (fresh, cache_reads) = self.input_parts();
        add([fresh, cache_reads]).or(self.field(Field::BilledInput))
    }

    /// Tokens in, without those that were read from a cache.
    pub(super) fn fresh_input(&self) -> Option<u64> {
        self.input_parts().0.or(self.field(Field::BilledInput))
    }

    /// Tokens in that are new, and those that were read from a cache.
    fn input_parts(&self) -> (Option<u64>, Option<u64>) {
        // A message is made in iterations, which its own numbers need not count. A sum is never less than one of
        // them.
        let [input, creation, read] = [
            (Field::Input, Field::IterationInput),
            (Field::CacheCreation, Field::IterationCacheCreation),
            (Field::CacheRead, Field::IterationCacheRead),
        ]
        .map(|(whole, sum)| self.field(whole).max(self.field(sum)));
        let (all, beside) = match self.field(Field::Prompt) {
            // Gateways that translate say both. The prompt has the caches' tokens in it.
            Some(prompt) => (add([Some(prompt), self.field(Field::Tools)]), None),
            None => (add([input, creation]), read),
        };
        match (all, self.field(Field::Cached)) {
            // A part that is larger than the whole is none: some of xAI's models count it beside the prompt.
            (Some(all), Some(cached)) => (Some(all.checked_sub(cached).unwrap_or(all)), add([Some(cached), beside])),
            (all, _) => (all, beside),
        }
    }

    /// Tokens out.
    pub(super) fn output(&self) -> Option<u64> {
        let said = self.field(Field::Output).max(self.field(Field::IterationOutput));
        let rest = self.field(Field::Total).zip(self.input()).and_then(|(total, input)| total.checked_sub(input));
        let output = match rest.filter(|rest| *rest > 0) {
            // Reasoning counts as output, and may be in neither number: xAI's. Gemini's is in the number of the
            // candidates or beside it, by the model.
            Some(rest) => said.max(Some(rest)),
            None => add([said, self.field(Field::Thoughts)]),
        };
        output.or(self.field(Field::FirstOutput)).or(self.field(Field::BilledOutput))
    }

    /// Returns `true` if the tokens out are those of a whole answer, as far as is known.
    pub(super) fn has_whole_output(&self) -> bool {
        [Field::Output, Field::IterationOutput, Field::BilledOutput]
            .into_iter()
            .any(|field| self.field(field).is_some())
    }

    /// Tokens in and out.
    pub(super) fn total(&self) -> Option<u64> {
        self.field(Field::Total).max(add([self.input(), self.output()]))
    }

    /// Returns `true` if the total is that of a whole answer, as far as is known.
    pub(super) fn has_whole_total(&self) -> bool {
        let (total, input) = (self.field(Field::Total), self.input());
        if self.has_whole_output() { total.or(input).is_some() } else { total.is_some() && input.is_none() }
    }
}

/// The sum of those that are there.
pub(super) fn add(amounts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    amounts.into_iter().flatten().reduce(u64::saturating_add)
}
