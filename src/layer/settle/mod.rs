//! Rules that find the real use of a request in its response.

mod outcome;
mod response_head;
mod source;
mod top_up;

use std::{fmt, sync::Arc};

use http::HeaderName;

use super::terms::{BadAmount, header_names};
#[cfg(feature = "usage-body")]
use super::usage::Usage;
use crate::model::LimitName;
use source::{Find, found};

pub use outcome::Outcome;
pub use response_head::ResponseHead;
pub use top_up::TopUp;

pub(super) use outcome::OutcomeRule;
pub(super) use source::{Source, SourcePlace};
pub(super) use top_up::StreamEnding;

/// A rule that finds the real use of a limit in a response.
///
/// If a value is missing, malformed, given twice or absurdly large
/// ([`settle_at_most`](super::PolicyBuilder::settle_at_most)), the estimate is kept. Each of these
/// emits a warning, except a missing value. An amount that a handler sets with its
/// [`LeaseHandle`](super::LeaseHandle) takes precedence over the value that a rule finds.
///
/// | source | value is known | lease is held until |
/// |---|---|---|
/// | [`header`](Self::header), [`headers`](Self::headers), [`head`](Self::head) | with the head | the head |
/// | [`trailer`](Self::trailer), [`trailers`](Self::trailers) | after the body | the body's end |
/// | [`bytes`](Self::bytes), [`events`](Self::events) | as the body streams | the body's end |
/// | `usage` (feature `usage-body`) | as the body streams | the body's end |
///
/// ```
/// use tollgate::layer::Settle;
///
/// // Set to the value of a header.
/// let rule = Settle::header("x-usage-tokens");
/// // Set to the sum of two headers, which are removed from the response.
/// let rule = Settle::headers(["x-input-tokens", "x-output-tokens"]).strip();
/// // Added to the estimate.
/// let rule = Settle::header("x-extra-tokens").add();
/// // Set to the value of a trailer, which is removed.
/// let rule = Settle::trailer("x-usage-tokens").strip();
/// // Set by the status, or by anything else in the head.
/// let rule = Settle::head(|head| (head.status == 304).then_some(1));
/// // Set to one token for every four bytes of the body.
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
    /// Adds to the amount that the closure finds in the head.
    AddTo(Arc<Find>),
}

impl Settle {
    fn new(source: Source) -> Self {
        Self {
            source,
            mode: Mode::Set,
            strip: false,
        }
    }

    /// Uses the value of the response header `name`, in decimal digits.
    ///
    /// # Panics
    /// Panics if `name` is a string that is not a valid header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn header<N>(name: N) -> Self
    where
        N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::headers([name])
    }

    /// Uses the sum of the values of these response headers. Missing headers are skipped.
    ///
    /// # Panics
    /// Panics if a name is a string that is not a valid header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn headers<N>(names: impl IntoIterator<Item = N>) -> Self
    where
        N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::new(Source::Headers(header_names(names)))
    }

    /// Uses the value that the closure computes from the response's head, in tokens. `None` keeps
    /// the estimate.
    pub fn head(find: impl Fn(&ResponseHead<'_>) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self::new(Source::Head(Arc::new(find)))
    }

    /// Uses the value of the body's trailer `name`, in decimal digits.
    ///
    /// # Panics
    /// Panics if `name` is a string that is not a valid header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn trailer<N>(name: N) -> Self
    where
        N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::trailers([name])
    }

    /// Uses the sum of the values of these trailers of the body. Missing trailers are skipped.
    ///
    /// # Panics
    /// Panics if a name is a string that is not a valid header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn trailers<N>(names: impl IntoIterator<Item = N>) -> Self
    where
        N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::new(Source::Trailers(header_names(names)))
    }

    /// Uses the value that the closure computes from the number of bytes of the body so far. The
    /// closure is called for every piece of the body.
    pub fn bytes(tokens: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self::new(Source::Bytes(Arc::new(tokens)))
    }

    /// Uses the value that the closure computes from the number of server-sent events so far.
    /// Events without data do not count. Other bodies keep the estimate. So do bodies with a
    /// `content-encoding`, which are not read.
    pub fn events(tokens: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Self::new(Source::Events(Arc::new(tokens)))
    }

    /// Uses the value in the body, in JSON or in server-sent events of JSON: see [`Usage`].
    #[cfg(feature = "usage-body")]
    pub fn usage(usage: Usage) -> Self {
        Self::new(Source::Usage(usage))
    }

    /// Adds the value to the estimate, instead of replacing it.
    pub fn add(mut self) -> Self {
        self.mode = Mode::Add;
        self
    }

    /// Adds the value to an amount that the closure finds in the response's head, in tokens: for
    /// example to the tokens of the prompt, if the estimate also includes those of the answer. If
    /// the closure returns `None`, the value is added to the estimate.
    ///
    /// ```
    /// use tollgate::layer::Settle;
    ///
    /// /// The data that the handler puts into its response's extensions.
    /// #[derive(Clone)]
    /// struct Prompt {
    ///     tokens: u64,
    /// }
    ///
    /// let rule = Settle::events(|events| events).add_to(|head| Some(head.extensions.get::<Prompt>()?.tokens));
    /// ```
    pub fn add_to(
        mut self,
        base: impl Fn(&ResponseHead<'_>) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        self.mode = Mode::AddTo(Arc::new(base));
        self
    }

    /// Removes the headers or trailers from the response, because they are meant only for the
    /// layer. Removed trailers are not announced in `Trailer` either. Rules with other sources
    /// remove nothing.
    pub fn strip(mut self) -> Self {
        self.strip = true;
        self
    }

    /// Returns the use of the limit that the head gives. `estimate` returns the estimated use.
    ///
    /// # Errors
    /// As [`Source::in_head`].
    pub(super) fn in_head(
        &self,
        limit: &LimitName,
        head: &ResponseHead<'_>,
        estimate: impl FnOnce() -> u64,
    ) -> Result<Option<u64>, BadAmount> {
        let found = self.source.in_head(limit, head)?;
        Ok(found.map(|value| self.applied(value, self.base(limit, head, estimate()))))
    }

    /// Returns the amount that values are added to, or compared with. `estimate` is the estimated
    /// use of the limit.
    pub(super) fn base(&self, limit: &LimitName, head: &ResponseHead<'_>, estimate: u64) -> u64 {
        match &self.mode {
            Mode::Set | Mode::Add => estimate,
            Mode::AddTo(base) => found(limit, &**base, head)
                .ok()
                .flatten()
                .unwrap_or(estimate),
        }
    }

    /// Returns `true` if the value is more than the estimate, or is added to it.
    #[cfg(feature = "usage-body")]
    pub(super) fn exceeds(&self, value: u64, base: u64) -> bool {
        match self.mode {
            Mode::Set => value > base,
            Mode::Add | Mode::AddTo(_) => true,
        }
    }

    /// Returns the use that results from the value.
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
