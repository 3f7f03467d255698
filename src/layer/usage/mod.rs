//! The usage that a body reports.

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

/// A place where a body reports what was used: in JSON, or in a stream of JSON (feature
/// `usage-body`).
///
/// [`total`](Self::total), [`input`](Self::input),
/// [`input_without_cache_reads`](Self::input_without_cache_reads) and [`output`](Self::output) know
/// the answers of OpenAI, Azure, Anthropic, Gemini, Bedrock Converse, Cohere, Mistral, Groq,
/// DeepSeek, xAI, Ollama, vLLM and Voyage, streamed or not, and all other answers that have the
/// same fields at the same places. `docs/guide/streaming.md` lists them. Use
/// [`pointer`](Self::pointer) for other answers.
///
/// ```
/// use tollgate::layer::{Settle, Usage};
///
/// let rule = Settle::usage(Usage::total());
/// let rule = Settle::usage(Usage::pointer("/details/generated_tokens"));
/// let rule = Settle::usage(Usage::pointers(["/tokens_evaluated", "/tokens_predicted"]));
/// ```
///
/// If a number comes several times, the largest one counts: streams repeat their numbers as they
/// grow, and a smaller number takes nothing back. A number must be a JSON number, whole and not
/// negative. `null` is skipped. Any other value is ignored, with one warning for each body.
///
/// # Bodies that are cut off
/// A stream may break off, or its client may disconnect, when only a part of the usage has come:
/// Anthropic's streams begin with the input tokens. Such a part is charged if it is more than the
/// estimate; otherwise the estimate stands. So nobody pays less by disconnecting before the rest
/// comes. An amount is such a part if it is a `total` without output tokens, an `output` without a
/// number of its own, or the sum of only some of the [`pointers`](Self::pointers). When the body is
/// complete, such an amount counts in any case.
///
/// # How a body is read
/// The `content-type` decides: bodies of `text/event-stream`, JSON (`application/json`, `…+json`,
/// NDJSON) and `application/vnd.amazon.eventstream` are read. Other bodies are not read, and
/// neither are bodies with a `content-encoding`: compress outside the layer. A body with a
/// `content-encoding` causes a warning.
///
/// Nothing is buffered, delayed or changed: every frame is read as it passes. At most 1 KiB is kept
/// for a response, even for a long one. Up to 128 levels are read. If the JSON is nested deeper or
/// invalid, nothing more of the body is read; in an event stream, nothing more of the current
/// event. Numbers that were found until then count.
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
    /// The text of the pointer is not a JSON pointer. Building the policy fails.
    Invalid(String),
}

impl Usage {
    /// The input and output tokens: the total that the body reports, or the sum of
    /// [`input`](Self::input) and [`output`](Self::output) if that is more, or if there is no
    /// total.
    pub fn total() -> Self {
        Self { what: What::Total }
    }

    /// The input tokens, with those that were read from a cache or written to one.
    pub fn input() -> Self {
        Self {
            what: What::Input { cache_reads: true },
        }
    }

    /// The input tokens, without those that were read from a cache. Anthropic, for example, does
    /// not count these against its own limits.
    pub fn input_without_cache_reads() -> Self {
        Self {
            what: What::Input { cache_reads: false },
        }
    }

    /// The output tokens, with those of the model's reasoning: the total minus the input, if that
    /// is more than the output that the body reports.
    pub fn output() -> Self {
        Self { what: What::Output }
    }

    /// The number at a JSON pointer (RFC 6901), such as `/meta/billed_units/tokens`: 1 to 16 parts
    /// of at most 64 bytes.
    ///
    /// [`PolicyBuilder::build`](super::PolicyBuilder::build) fails with
    /// [`InvalidPolicy::Pointer`](super::InvalidPolicy::Pointer) if the text is not such a pointer.
    pub fn pointer(pointer: &str) -> Self {
        Self::pointers([pointer])
    }

    /// The sum of the numbers at several [pointers](Self::pointer). A number that is absent counts
    /// as 0, unless all are absent. Without any pointer, building the policy fails.
    pub fn pointers<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let parse = |pointer: &str| Pointer::parse(pointer).ok_or_else(|| pointer.to_owned());
        let parsed: Result<Vec<_>, _> = pointers.into_iter().map(parse).collect();
        let what = match parsed {
            Ok(pointers) if pointers.is_empty() => What::Invalid(String::new()),
            Ok(pointers) => What::Pointers(pointers),
            Err(text) => What::Invalid(text),
        };
        Self { what }
    }

    /// Returns the first text that is not a JSON pointer.
    pub(super) fn invalid_pointer(&self) -> Option<&str> {
        match &self.what {
            What::Invalid(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Returns the paths to the numbers that these usages ask for; `None` if they ask for none.
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

    /// Returns the amount that a body has reported so far.
    pub(super) fn told(&self, reader: &Reader) -> Option<ReportedAmount> {
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
        Some(ReportedAmount {
            tokens: tokens?,
            whole,
        })
    }
}

/// An amount that a body has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReportedAmount {
    pub(super) tokens: u64,
    /// `true` if the amount is complete, as far as is known.
    pub(super) whole: bool,
}
