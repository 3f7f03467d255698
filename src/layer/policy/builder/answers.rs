//! Settings of the answers and headers.

use std::sync::Arc;

use super::PolicyBuilder;
use crate::{
    layer::{Answer, Dialect, Jitter, QuotaUnit, ReportLimits},
    model::{IntoName, LimitName},
};

/// Settings of the answers and headers.
impl PolicyBuilder {
    /// Sets which limits granted responses report. Default: [`ReportLimits::All`].
    pub fn report(mut self, report: ReportLimits) -> Self {
        self.answers.report = report;
        self
    }

    /// Adds a dialect, in which responses tell clients the state of their limits. Without any, it
    /// is [`IetfDraft::Draft11`](crate::layer::IetfDraft::Draft11). If two dialects have a header
    /// in common, [`build`](Self::build) fails.
    ///
    /// A dialect with errors of its own, [`OpenAi`](crate::layer::OpenAi) or
    /// [`Anthropic`](crate::layer::Anthropic), also sets the shape of the bodies of refusals. If a
    /// policy has several such dialects, the first one that was added sets the shape.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Anthropic, IetfDraft, Policy, XRateLimit, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::header("x-api-key"))
    ///     .resource(keys::fixed("claude"))
    ///     .limit(Limit::per_minute("rpm", 60))
    ///     .limit(Limit::per_minute("tpm", 100_000))
    ///     .dialect(IetfDraft::Draft11)
    ///     .dialect(XRateLimit::unix_time().of("rpm"))
    ///     .dialect(Anthropic::new().requests("rpm").tokens("tpm"))
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn dialect(mut self, dialect: impl Into<Dialect>) -> Self {
        self.answers.dialects.push(dialect.into());
        self
    }

    /// Sets the unit that the limit `name` counts, for `RateLimit-Policy`. A limit without a unit
    /// counts requests.
    pub fn unit(mut self, name: impl IntoName<LimitName>, unit: QuotaUnit) -> Self {
        self.answers.units.push((name.as_text().to_owned(), unit));
        self
    }

    /// Adds the partition key `pk` to `RateLimit` and `RateLimit-Policy`, so that clients with
    /// several keys can tell their quotas apart. The key is a hash of the entity and the resource,
    /// keyed by `secret` (at least 16 bytes, the same in all processes). Neither can be found from
    /// the hash. The limits of a parent have no `pk`. Off by default: it costs one hash for each
    /// response.
    pub fn partition_keys(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.answers.secret = Some(secret.as_ref().to_vec());
        self
    }

    /// Adds a random time to the wait that clients are told before they retry. Off by default.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.answers.jitter = Some(jitter);
        self
    }

    /// Answers refused gRPC requests like all others, with an HTTP status and a problem document.
    /// By default they get a gRPC status.
    ///
    /// A gRPC request is a POST over HTTP/2 or with `te: trailers`, if its `content-type` is
    /// `application/grpc` or begins with `application/grpc+`. A POST with `application/grpc-web` or
    /// `application/grpc-web-text` is one too.
    pub fn without_grpc_answers(mut self) -> Self {
        self.answers.without_grpc = true;
        self
    }

    /// Replaces the answers to refused requests. Default: a status and a problem document, an error
    /// in the shape of a [dialect](Self::dialect), or a gRPC status.
    pub fn answer(mut self, answer: impl Answer) -> Self {
        self.answers.custom = Some(Arc::new(answer));
        self
    }
}
