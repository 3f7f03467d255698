//! What a request has really cost, as its response tells.

mod amount;
mod outcome;
mod response_head;
mod source;
mod top_up;

use std::{fmt, sync::Arc};

use http::HeaderName;

use super::header_name::header_names;
#[cfg(feature = "usage-body")]
use super::usage::Usage;
use crate::model::LimitName;
use source::{Find, found};

pub use outcome::Outcome;
pub use response_head::ResponseHead;
pub use top_up::TopUp;

pub(super) use amount::{BadAmount, amount, in_bounds, single_amount};
pub(super) use outcome::OutcomeRule;
pub(super) use source::{Source, sum};
pub(super) use top_up::Ending;

/// Where the real use of a limit is found in a response.
///
/// A value that is missing, malformed, given twice or absurdly large
/// ([`settle_at_most`](super::PolicyBuilder::settle_at_most)) keeps the estimate, with a warning for all but the first. What a handler says through its
/// [`LeaseHandle`](super::LeaseHandle) goes before what a rule finds.
///
/// | source | known | holds the lease until |
/// |---|---|---|
/// | [`header`](Self::header), [`headers`](Self::headers), [`head`](Self::head) | with the head | the head |
/// | [`trailer`](Self::trailer), [`trailers`](Self::trailers) | after the body | the body's end |
/// | [`bytes`](Self::bytes), [`events`](Self::events) | as the body streams | the body's end |
/// | `usage` (feature `usage-body`) | as the body streams | the body's end |
///
/// ```
/// use tollgate::layer::Settle;
///
/// // Set to one header's value.
/// let rule = Settle::header("x-usage-tokens");
/// // Set to the sum of two, which clients do not see.
/// let rule = Settle::headers(["x-input-tokens", "x-output-tokens"]).strip();
/// // Added to the estimate.
/// let rule = Settle::header("x-extra-tokens").add();
/// // Set to what the end of the body says.
/// let rule = Settle::trailer("x-usage-tokens").strip();
/// // Set by the status and whatever else the head has.
/// let rule = Settle::head(|head| (head.status == 304).then_some(1));
/// // A token for every four bytes of the body.
/// let rule = Settle::bytes(|bytes| bytes.div_ceil(4));
/// ```
#[derive(Clone)]
#[must_use = "a rule does nothing until a policy has it"]
pub struct Settle {
    pub(super) source: Source,
    pub(super) mode: Mode,
    pub(super) strip: bool,
}

#[derive(Clone)]
pub(super) enum Mode {
    Set,
    Add,
    /// To what the head gives.
    AddTo(Arc<Find>),
}

impl Settle {
    fn new(source: Source) -> Self {
        Self { source, mode: Mode::Set, strip: false }
    }

    /// The use is the value of the response header `name`, in decimal digits.
    ///
    /// # Panics
    /// If `name` is a text that is no header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn header<N>(name: N) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::headers([name])
    }

    /// The use is the sum of the values of those of the response headers that are there.
    ///
    /// # Panics
    /// If a name is a text that is no header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn headers<N>(names: impl IntoIterator<Item = N>) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::new(Source::Headers(header_names(names)))
    }

    /// The use is what the closure makes of the response's head, in tokens; `None` keeps the
    /// estimate.
    pub fn head(find: impl Fn(&ResponseHead<'_>) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self::new(Source::Head(Arc::new(find)))
    }

    /// The use is the value of the body's trailer `name`, in decimal digits.
    ///
    /// # Panics
    /// If `name` is a text that is no header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn trailer<N>(name: N) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::trailers([name])
    }

    /// The use is the sum of the values of those of the body's trailers that are there.
    ///
    /// # Panics
    /// If a name is a text that is no header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn trailers<N>(names: impl IntoIterator<Item = N>) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::new(Source::Trailers(header_names(names)))
    }

    /// The use is what the closure makes of the bytes of the body that have come so far. It is
    /// asked with every piece of the body.
    pub fn bytes(tokens: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self::new(Source::Bytes(Arc::new(tokens)))
    }

    /// The use is what the closure makes of the server-sent events that have come so far, those
    /// without data not counted. Any other body keeps the estimate, and so does one with a
    /// `content-encoding`, which is not read.
    pub fn events(tokens: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self::new(Source::Events(Arc::new(tokens)))
    }

    /// The use is what the body says, in JSON or in server-sent events of JSON: see [`Usage`].
    #[cfg(feature = "usage-body")]
    pub fn usage(usage: Usage) -> Self {
        Self::new(Source::Usage(usage))
    }

    /// Adds the value to the estimate, instead of replacing it.
    pub fn add(mut self) -> Self {
        self.mode = Mode::Add;
        self
    }

    /// Adds the value to what the closure makes of the response's head, in tokens: to the tokens of a
    /// prompt, say, where the estimate has those of an answer too. `None` adds it to the estimate.
    ///
    /// ```
    /// use tollgate::layer::Settle;
    ///
    /// /// What the handler puts into its response's extensions.
    /// #[derive(Clone)]
    /// struct Prompt {
    ///     tokens: u64,
    /// }
    ///
    /// let rule = Settle::events(|events| events).add_to(|head| Some(head.extensions.get::<Prompt>()?.tokens));
    /// ```
    pub fn add_to(mut self, base: impl Fn(&ResponseHead<'_>) -> Option<u64> + Send + Sync + 'static) -> Self {
        self.mode = Mode::AddTo(Arc::new(base));
        self
    }

    /// Removes the headers or trailers from the response: they are meant for the layer alone. Trailers
    /// are not announced in `Trailer` either. Of other sources nothing is removed.
    pub fn strip(mut self) -> Self {
        self.strip = true;
        self
    }

    /// What values are added to, or compared with, where the limit's use was estimated as `estimate`.
    pub(super) fn base(&self, limit: &LimitName, head: &ResponseHead<'_>, estimate: u64) -> u64 {
        match &self.mode {
            Mode::Set | Mode::Add => estimate,
            Mode::AddTo(base) => found(limit, &**base, head).ok().flatten().unwrap_or(estimate),
        }
    }

    /// Returns `true` if the value is more than what was estimated, or comes on top of it.
    #[cfg(feature = "usage-body")]
    pub(super) fn exceeds(&self, value: u64, base: u64) -> bool {
        match self.mode {
            Mode::Set => value > base,
            Mode::Add | Mode::AddTo(_) => true,
        }
    }

    /// The amount.
    pub(super) fn applied(&self, value: u64, base: u64) -> u64 {
        match self.mode {
            Mode::Set => value,
            Mode::Add | Mode::AddTo(_) => base.saturating_add(value),
        }
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "Set",
            Self::Add => "Add",
            Self::AddTo(_) => "AddTo",
        })
    }
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settle")
            .field("source", &self.source)
            .field("mode", &self.mode)
            .field("strip", &self.strip)
            .finish()
    }
}
