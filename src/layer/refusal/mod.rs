//! A refusal: why a request is refused, and the settings of its answer.

mod jitter;
mod misconfiguration;
#[expect(
    clippy::module_inception,
    reason = "the refusal, beside what it is made of"
)]
mod refusal;

pub use jitter::Jitter;
pub use misconfiguration::Misconfiguration;
pub use refusal::{Answer, Refusal, RefusalReason, answer_fn};
