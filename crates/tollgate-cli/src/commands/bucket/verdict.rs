//! The answer that a cost would get now.

use serde::Serialize;
use tollgate::{
    Error,
    model::{Availability, LimitStatus, Owner},
};

/// The answer to a cost.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    granted: bool,
    /// The seconds until the cost is granted; `None` if it never is.
    retry_after_seconds: Option<f64>,
    limits: Vec<LimitStatus>,
    /// The reason why no limit was asked.
    refusal: Option<String>,
}

impl Verdict {
    pub(super) fn new(answer: Result<Availability, Error>) -> Self {
        match answer {
            Ok(answer) => Self {
                granted: answer.is_available(),
                retry_after_seconds: answer.retry_after().map(|wait| wait.as_secs_f64()),
                limits: answer.limits,
                refusal: None,
            },
            Err(error) => Self {
                granted: false,
                retry_after_seconds: None,
                limits: Vec::new(),
                refusal: Some(error.to_string()),
            },
        }
    }

    /// Describes the answer, a line for each limit.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            match (self.granted, self.retry_after_seconds, &self.refusal) {
                (_, _, Some(refusal)) => format!("This cost would be refused: {refusal}"),
                (true, ..) => "This cost would be granted now.".to_owned(),
                (false, Some(wait), _) => {
                    format!("This cost would be denied now, and granted in {wait:.3} s.")
                }
                (false, None, _) => {
                    "This cost would never be granted: it is above a capacity.".to_owned()
                }
            },
        ];
        for status in &self.limits {
            let owner = if status.owner == Owner::Parent {
                "the parent's "
            } else {
                ""
            };
            let name = status.limit.name();
            let word = if status.exceeded() { "short" } else { "enough" };
            lines.push(format!(
                "  {owner}{name}: {} of {} available, {} asked: {word}",
                status.available,
                status.limit.capacity(),
                status.requested
            ));
        }
        lines
    }
}
