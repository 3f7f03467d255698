//! The usage that a body says.

mod counts;
mod key;
mod number;
mod paths;
mod pointer;
mod reader;
mod scanner;
mod table;
#[cfg(test)]
mod tests;

pub(super) use paths::Paths;
pub(super) use reader::Reader;

use counts::{Counts, add};
use pointer::Pointer;
use table::Field;

/// A place where a body says what was used: in JSON, or in a stream of JSON (feature `usage-body`).
///
/// [`total`](Self::total), [`input`](Self::input), [`input_without_cache_reads`](Self::input_without_cache_reads) and
/// [`output`](Self::output) know the answers of OpenAI, Azure, Anthropic, Gemini, Bedrock Converse, Cohere, Mistral,
/// Groq, DeepSeek, xAI, Ollama, vLLM and Voyage, streamed or not, and whatever else has the same fields at the same
/// places. `docs/guide/streaming.md` lists them. Others are found by [`pointer`](Self::pointer).
///
/// ```
/// use tollgate::layer::{Settle, Usage};
///
/// let rule = Settle::usage(Usage::total());
/// let rule = Settle::usage(Usage::pointer("/details/generated_tokens"));
/// let rule = Settle::usage(Usage::pointers(["/tokens_evaluated", "/tokens_predicted"]));
/// ```
///
/// Of a number that comes several times the largest one holds: streams repeat them as they grow, and one that falls
/// takes nothing back. It has to be a JSON number, whole and not negative. `null` says nothing; anything else is
/// ignored with one warning for each body.
///
/// # What is cut off
/// A stream may break off, or its client go, when only a part has come: Anthropic's begin with the
/// tokens in. Such a part is charged if it is more than the estimate, which else stands. So nobody
/// pays less for having gone before the rest came. It is a part of `total` without tokens out, of
/// `output` without a number of its own, and of [`pointers`](Self::pointers) less than all of them.
/// At the end of the body what is there counts.
///
/// # How a body is read
/// By its `content-type`: `text/event-stream`, JSON (`application/json`, `…+json`, NDJSON) or
/// `application/vnd.amazon.eventstream`. Any other is not read, nor is one with a `content-encoding`: compress
/// outside the layer. The latter is told with a warning.
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
    Input {
        cache_reads: bool,
    },
    Output,
    Pointers(Vec<Pointer>),
    /// Not a JSON pointer. Building the policy fails.
    Invalid(String),
}

impl Usage {
    /// Tokens in and out: the total that the body says, or the sum of [`input`](Self::input) and
    /// [`output`](Self::output) if it says none, or less.
    pub fn total() -> Self {
        Self { what: What::Total }
    }

    /// Tokens in, with those that were read from a cache or written to one.
    pub fn input() -> Self {
        Self { what: What::Input { cache_reads: true } }
    }

    /// Tokens in, without those that were read from a cache. Anthropic, for one, does not count them against its own
    /// limits.
    pub fn input_without_cache_reads() -> Self {
        Self { what: What::Input { cache_reads: false } }
    }

    /// Tokens out, with those of the model's reasoning: what the total leaves beside the input, if that is more than
    /// the body says.
    pub fn output() -> Self {
        Self { what: What::Output }
    }

    /// The number at a JSON pointer (RFC 6901), such as `/meta/billed_units/tokens`: 1 to 16 parts of at most 64 bytes.
    ///
    /// [`PolicyBuilder::build`](super::PolicyBuilder::build) fails with
    /// [`InvalidPolicy::Pointer`](super::InvalidPolicy::Pointer) if the text is not such a pointer.
    pub fn pointer(pointer: &str) -> Self {
        Self::pointers([pointer])
    }

    /// The sum of the numbers at several [pointers](Self::pointer). A number that is absent counts as 0, unless all are
    /// absent.
    pub fn pointers<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let parse = |pointer: &str| Pointer::parse(pointer).ok_or_else(|| pointer.to_owned());
        let parsed: Result<_, _> = pointers.into_iter().map(parse).collect();
        Self { what: parsed.map_or_else(What::Invalid, What::Pointers) }
    }

    /// Returns the first text that is not a JSON pointer.
    pub(super) fn invalid_pointer(&self) -> Option<&str> {
        match &self.what {
            What::Invalid(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Paths to what these ask for; `None` if it is nothing.
    pub(super) fn paths<'a>(usages: impl Iterator<Item = &'a mut Self>) -> Option<Paths> {
        let (mut pointers, mut table) = (Vec::new(), false);
        for usage in usages {
            match &mut usage.what {
                What::Pointers(some) => pointers.extend(some),
                What::Invalid(_) => {}
                _ => table = true,
            }
        }
        Paths::new(pointers.into_iter(), table)
    }

    /// The amount that a body has told so far.
    pub(super) fn told(&self, reader: &Reader) -> Option<Told> {
        let counts = Counts::new(|field: Field| reader.found(field as usize));
        let (tokens, whole) = match &self.what {
            What::Total => (counts.total(), counts.has_whole_total()),
            What::Input { cache_reads: true } => (counts.input(), true),
            What::Input { cache_reads: false } => (counts.fresh_input(), true),
            What::Output => (counts.output(), counts.has_whole_output()),
            What::Pointers(pointers) => {
                let parts = || pointers.iter().map(|pointer| reader.found(pointer.slot));
                (add(parts()), parts().all(|part| part.is_some()))
            }
            What::Invalid(_) => return None,
        };
        Some(Told { tokens: tokens?, whole })
    }
}

/// An amount that a body has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tokens: u64,
    /// `true` if it is all that is to be told, as far as is known.
    pub(super) whole: bool,
}
