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
/// # What is cut off
/// A stream may break off, or its client go, when only a part has come: Anthropic's begin with the
/// tokens in. Such a part is charged where it is more than the estimate, which else stands. So nobody
/// pays less for having gone before the rest came. It is a part of `total` without tokens out, of
/// `output` what a `message` begins with, and of [`pointers`](Self::pointers) less than all of them.
/// At the end of the body what is there counts.
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

    /// What was told, by what was found in each slot.
    fn told(&self, found: impl Fn(usize) -> Option<u64>) -> Option<Told> {
        let field = |field: Field| found(field as usize);
        let input = |cache_reads: bool| {
            let read = field(Field::CacheRead).filter(|_| cache_reads);
            let sum = add([field(Field::Input), field(Field::CacheCreation), read]);
            field(Field::Prompt).or(sum)
        };
        let whole_output = field(Field::Completion).or(field(Field::Output));
        let output = whole_output.or(field(Field::FirstOutput));
        let (tokens, whole) = match &self.what {
            What::Total => match (field(Field::Total), input(true)) {
                (Some(total), _) => (Some(total), true),
                (None, input) => (add([input, output]), input.is_some() && whole_output.is_some()),
            },
            What::Input { cache_reads } => (input(*cache_reads), true),
            What::Output => (output, whole_output.is_some()),
            What::Pointers(pointers) => {
                let parts = || pointers.iter().map(|pointer| found(pointer.slot()));
                (add(parts()), parts().all(|part| part.is_some()))
            }
        };
        Some(Told { tokens: tokens?, whole })
    }
}

/// What a body has said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tokens: u64,
    /// Whether it is all that is to be told, as far as is known.
    pub(super) whole: bool,
}

/// The sum of those that are there.
fn add(amounts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    amounts.into_iter().flatten().reduce(u64::saturating_add)
}
