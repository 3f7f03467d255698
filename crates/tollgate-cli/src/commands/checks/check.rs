//! One check, and the summary of all.

use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Row};

/// The result of one check.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    check: String,
    result: Verdict,
    found: String,
    advice: Option<String>,
}

/// The weight of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Fault,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

impl Check {
    pub(crate) fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            result: Verdict::Ok,
            found: found.into(),
            advice: None,
        }
    }

    /// Something that works, and should be known or changed.
    pub(crate) fn warning(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            result: Verdict::Warning,
            advice: Some(advice.into()),
            ..Self::ok(check, found)
        }
    }

    /// Something that does not work.
    pub(crate) fn fault(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            result: Verdict::Fault,
            ..Self::warning(check, found, advice)
        }
    }
}

/// Everything that was checked.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    pub(crate) fn push(&mut self, check: Check) {
        self.0.push(check);
    }

    pub(crate) fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.0.extend(checks);
    }

    /// Prints a line for each check, and how many are not ok.
    ///
    /// # Errors
    /// [`Failure::Refused`] if there is a fault.
    pub(crate) fn print(self, context: &mut Context) -> Result<(), Failure> {
        let out = &mut context.out;
        if out.is_text() {
            let width = self.0.iter().map(|check| check.check.len()).max();
            for check in &self.0 {
                out.line(check.line(width.unwrap_or(0)))?;
            }
        } else {
            let mut rows = out.rows();
            for check in &self.0 {
                rows.push(check)?;
            }
            rows.finish()?;
        }
        let count = |result| self.0.iter().filter(|check| check.result == result).count();
        let (faults, warnings) = (count(Verdict::Fault), count(Verdict::Warning));
        out.line(format!(
            "{} checks: {faults} fault(s), {warnings} warning(s)",
            self.0.len()
        ))?;
        if faults == 0 {
            return Ok(());
        }
        let first = self.0.iter().find(|check| check.result == Verdict::Fault);
        let first = first.map(|check| format!("{}: {}", check.check, check.found));
        let more = if faults > 1 {
            format!(", and {} more", faults - 1)
        } else {
            String::new()
        };
        Err(Failure::Refused(format!(
            "{}{more}",
            first.unwrap_or_default()
        )))
    }
}

impl Check {
    /// Describes the check in one line. The names of all checks are as wide as `width`.
    fn line(&self, width: usize) -> String {
        let (word, check, found) = (self.result.word(), &self.check, &self.found);
        let advice = self.advice.iter().map(|advice| format!("; {advice}"));
        format!(
            "{word:7}  {check:width$}  {found}{}",
            advice.collect::<String>()
        )
    }
}

impl Row for Check {
    const COLUMNS: &'static [&'static str] = &["check", "result", "found", "advice"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.check.clone(),
            self.result.word().to_owned(),
            self.found.clone(),
            self.advice.clone().unwrap_or_default(),
        ]
    }
}
