//! Bounds of a test, for use in pipelines.

use std::time::Duration;

use clap::Args;
use tollgate_loadtest::Report;

use super::{figures::millis, units};

/// The bounds that a test keeps, or the command fails.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bounds")]
pub(super) struct Thresholds {
    /// Exit with 1 if the 99th percentile is longer, such as 50ms
    #[arg(long, value_name = "TIME", value_parser = units::positive)]
    max_p99: Option<Duration>,
    /// Exit with 1 if more calls got no decision: a number of calls, or a share such as 0.5%
    #[arg(long, value_name = "CALLS", value_parser = most)]
    max_errors: Option<Most>,
}

/// The most calls of a test that may fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Most {
    Calls(u64),
    Percent(f64),
}

fn most(text: &str) -> Result<Most, &'static str> {
    const WRONG: &str = "it must be a number of calls, or a share such as 0.5%";
    let Some(percent) = text.strip_suffix('%') else {
        return text.parse().map(Most::Calls).map_err(|_| WRONG);
    };
    match percent.trim().parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Most::Percent(percent)),
        _ => Err(WRONG),
    }
}

impl Thresholds {
    /// Returns a sentence for each bound that is broken. Without `--max-errors`, at least one call
    /// must get a decision.
    pub(super) fn broken(&self, report: &Report) -> Vec<String> {
        let mut broken = Vec::new();
        let latency = report.latency();
        if let Some(most) = self.max_p99 {
            let p99 = latency.percentile(0.99);
            if latency.is_empty() {
                broken.push("there is no latency to compare with --max-p99".to_owned());
            } else if p99 > most {
                let (p99, most) = (millis(p99), millis(most));
                broken.push(format!("the p99 is {p99}, more than --max-p99 {most}"));
            }
        }
        let (failed, share) = (report.counts.failed(), report.failure_share() * 100.0);
        match self.max_errors {
            Some(Most::Calls(most)) if failed > most => {
                broken.push(format!("{failed} calls got no decision, more than {most}"));
            }
            Some(Most::Percent(most)) if share > most => {
                let text = format!("{share:.3} % of the calls got no decision, more than {most} %");
                broken.push(text);
            }
            None if failed > 0 && failed == report.counts.total() => {
                let most = report.problems.iter().max_by_key(|(_, calls)| **calls);
                let problem = most.map_or("none was answered in time", |(problem, _)| problem);
                broken.push(format!("no call got a decision: {problem}"));
            }
            _ => {}
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_a_number_or_a_share() {
        assert_eq!(most("0"), Ok(Most::Calls(0)));
        assert_eq!(most("0.5%"), Ok(Most::Percent(0.5)));
        for text in ["", "%", "-1", "1.5", "101%", "many"] {
            assert!(most(text).is_err(), "{text}");
        }
    }
}
