//! What a body says was used.

mod key;
mod number;
mod paths;
mod reader;
mod scanner;
#[cfg(test)]
mod tests;

pub(super) use paths::Paths;
pub(super) use reader::Reader;

use paths::{Field, Pointer};

/// Where a body says what was used: in JSON, or in server-sent events of JSON (feature
/// `usage-body`).
///
/// [`total`](Self::total), [`input`](Self::input) and [`output`](Self::output) know the `usage`
/// objects of OpenAI (chat completions, responses, embeddings) and of Anthropic (messages), streamed
/// or not, and whatever else has the same: at the top, in `message` or in `response`. Others are
/// found by [`pointer`](Self::pointer).
///
/// ```
/// use tollgate::layer::{Settle, Usage};
///
/// let rule = Settle::usage(Usage::total());
/// let rule = Settle::usage(Usage::pointer("/usageMetadata/totalTokenCount"));
/// let rule = Settle::usage(Usage::pointers(["/prompt_eval_count", "/eval_count"]));
/// ```
///
/// Of a number that comes several times the last one holds: streams repeat them as they grow. It
/// has to be a JSON number, whole and not negative. `null` says nothing; anything else is ignored
/// with one warning for each body.
///
/// # How a body is read
/// By its `content-type`: `text/event-stream`, or JSON (`application/json`, `…+json`, NDJSON). Any
/// other is not read, nor is one with a `content-encoding`: compress outside the layer. The
/// latter is told with a warning.
///
/// Nothing is buffered, delayed or changed: every frame is looked at on its way. At most 1 KiB is
/// kept of a response, whatever its length. Up to 128 levels are read; what is nested deeper, or is no
/// JSON, ends the reading of the body, of events that of the event. What was found until then holds.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a policy has it"]
pub struct Usage {
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Total,
    Input { cache_reads: bool },
    Output,
    Pointers(Vec<Pointer>),
}

impl Usage {
    /// Tokens in and out: `total_tokens`, or else the sum of [`input`](Self::input) and
    /// [`output`](Self::output).
    pub fn total() -> Self {
        Self { what: What::Total }
    }

    /// Tokens in: `prompt_tokens`, or else the sum of `input_tokens`,
    /// `cache_creation_input_tokens` and `cache_read_input_tokens`.
    pub fn input() -> Self {
        Self { what: What::Input { cache_reads: true } }
    }

    /// As [`input`](Self::input), without `cache_read_input_tokens`: Anthropic does not count them
    /// either.
    pub fn input_without_cache_reads() -> Self {
        Self { what: What::Input { cache_reads: false } }
    }

    /// Tokens out: `completion_tokens`, or else `output_tokens`.
    pub fn output() -> Self {
        Self { what: What::Output }
    }

    /// The number at a JSON pointer (RFC 6901), such as `/meta/billed_units/tokens`.
    ///
    /// # Panics
    /// Where it is no JSON pointer to a part of a document, has more than 16 parts, or one of more than
    /// 64 bytes.
    #[track_caller]
    pub fn pointer(pointer: &str) -> Self {
        Self::pointers([pointer])
    }

    /// The sum of those of the numbers that are there.
    ///
    /// # Panics
    /// As [`pointer`](Self::pointer).
    #[track_caller]
    pub fn pointers<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed = Vec::new();
        for pointer in pointers {
            match Pointer::parse(pointer) {
                Some(pointer) => parsed.push(pointer),
                None => panic!("not a JSON pointer of 1 to 16 parts of at most 64 bytes: {pointer:?}"),
            }
        }
        Self { what: What::Pointers(parsed) }
    }

    /// The amount, by what was found in each slot.
    fn amount(&self, found: impl Fn(usize) -> Option<u64>) -> Option<u64> {
        let field = |field: Field| found(field as usize);
        let input = |cache_reads: bool| {
            let read = field(Field::CacheRead).filter(|_| cache_reads);
            let sum = add([field(Field::Input), field(Field::CacheCreation), read]);
            field(Field::Prompt).or(sum)
        };
        let output = || field(Field::Completion).or(field(Field::Output));
        match &self.what {
            What::Total => field(Field::Total).or_else(|| add([input(true), output()])),
            What::Input { cache_reads } => input(*cache_reads),
            What::Output => output(),
            What::Pointers(pointers) => add(pointers.iter().map(|pointer| found(pointer.slot()))),
        }
    }
}

/// The sum of those that are there.
fn add(amounts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    amounts.into_iter().flatten().reduce(u64::saturating_add)
}
