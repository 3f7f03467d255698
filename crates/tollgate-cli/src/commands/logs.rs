//! `tollgate logs`

use std::time::Duration;

use aws_config::SdkConfig;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use tollgate::{Error, error::StackError};
use tollgate_aws::StackFunction;
use tollgate_ops::{
    OpsError,
    functions::{FunctionLog, LogEvent},
};

use crate::{
    connect,
    context::Context,
    failure::Failure,
    output::{Format, Row, Rows},
    place::{self, place},
    reader, sdk_config, time,
};

/// The time between two looks for new lines. CloudWatch Logs allows a few looks a second for a
/// whole account.
const PAUSE: Duration = Duration::from_secs(2);

/// Shows the logs of the stack's functions
///
/// Lines of both functions are in the order of time. CloudWatch Logs may show them some seconds
/// late. If there is no log of the stack's functions, the exit code is 4.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Function [default: both]
    #[arg(long, value_enum)]
    function: Option<Function>,
    /// Show new lines too, until Ctrl-C
    #[arg(long, short = 'f')]
    follow: bool,
    /// Begin so long ago (90s, 10m, 2h, 1d), or at a time such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = since)]
    since: Since,
    /// Show only warnings and errors, crashes and time-outs
    #[arg(long)]
    errors: bool,
}

/// A function of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Function {
    /// Counts usage
    Aggregator,
    /// Applies limits
    Provisioner,
}

impl From<Function> for StackFunction {
    fn from(function: Function) -> Self {
        match function {
            Function::Aggregator => Self::Aggregator,
            Function::Provisioner => Self::Provisioner,
        }
    }
}

/// The beginning of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// A duration before now, milliseconds.
    Ago(i64),
    /// A time, epoch milliseconds.
    Time(i64),
}

impl Since {
    fn millis(self) -> i64 {
        match self {
            Self::Ago(millis) => time::now().saturating_sub(millis).max(0),
            Self::Time(millis) => millis,
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    let end = text.find(|digit: char| !digit.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = match unit {
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    if let (Some(unit), Ok(number)) = (unit, number.parse::<i64>()) {
        let millis = number.checked_mul(unit);
        return Ok(Since::Ago(millis.ok_or("it is too long")?));
    }
    let time = time::parse(text)
        .map_err(|_| "it must be 90s, 10m, 2h, 1d, or a time such as 2026-01-31T00:00:00Z")?;
    Ok(Since::Time(time::seconds(time).saturating_mul(1000)))
}

/// A line of a log.
#[derive(Debug, Serialize)]
struct LogLine {
    time: String,
    function: &'static str,
    process: String,
    message: String,
}

impl LogLine {
    fn new(function: &'static str, event: LogEvent) -> Self {
        Self {
            time: time::of_millis(event.timestamp),
            function,
            process: event.log_stream_name,
            message: event.message.trim_end().to_owned(),
        }
    }
}

impl Row for LogLine {
    const COLUMNS: &'static [&'static str] = &["Time", "Function", "Process", "Message"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.time.clone(),
            self.function.to_owned(),
            self.process.clone(),
            self.message.clone(),
        ]
    }
}

/// The first words of lines by which Lambda tells the course of each event. The others are of a
/// function, or tell a crash or a time-out.
const COURSE: [&str; 8] = [
    "START ",
    "END ",
    "REPORT ",
    "INIT_START ",
    "INIT_REPORT ",
    "RESTORE_START ",
    "RESTORE_REPORT ",
    "EXTENSION",
];

/// Returns true if a line tells a warning, an error, a crash or a time-out. Lines of a function are
/// JSON with a level. Other lines are Lambda's, or what a crash has left.
fn tells_fault(line: &str) -> bool {
    let line = line.trim();
    if let Ok(Value::Object(fields)) = serde_json::from_str(line) {
        if let Some(level) = fields.get("level").and_then(Value::as_str) {
            let levels = ["WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"];
            return levels.iter().any(|known| known.eq_ignore_ascii_case(level));
        }
        // Lambda's own lines, if its log format is JSON.
        let status = fields
            .get("record")
            .and_then(|record| record["status"].as_str());
        return status.is_some_and(|status| status != "success");
    }
    // Reports of Lambda name a status only if it is not a success.
    let is_course = COURSE.iter().any(|words| line.starts_with(words));
    !line.is_empty() && (!is_course || line.contains("Status: "))
}

/// The log of a function, and its next line.
struct Source {
    function: &'static str,
    log: FunctionLog,
    /// True if only lines of faults are shown.
    errors: bool,
    next: Option<LogEvent>,
    /// False if there is no log group.
    exists: bool,
}

impl Source {
    async fn advance(&mut self) -> Result<(), OpsError> {
        loop {
            self.next = match self.log.next().await {
                Ok(next) => {
                    self.exists = true;
                    next
                }
                Err(OpsError::NoLog { .. }) => {
                    self.exists = false;
                    None
                }
                Err(error) => return Err(error),
            };
            let is_left_out = |line: &LogEvent| self.errors && !tells_fault(&line.message);
            if !self.next.as_ref().is_some_and(is_left_out) {
                return Ok(());
            }
        }
    }
}

impl Logs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let is_lines = matches!(context.out.format(), Format::Table | Format::Jsonl);
        if self.follow && !is_lines {
            return Err(Failure::Usage(
                "--follow has the formats table and jsonl alone".into(),
            ));
        }
        let config = sdk_config::load(&context.options, connect::DEADLINE).await?;
        if config.region().is_none() {
            return Err(Error::from(StackError::NoRegion).into());
        }
        place::same_endpoint(&config, "CloudWatch Logs").map_err(Failure::Usage)?;
        let stack = context.options.stack()?;
        let mut sources = self.sources(stack.as_str(), &config);
        advance(&mut sources).await?;
        if !sources.iter().any(|source| source.exists) {
            return Err(missing(&sources, &config));
        }
        context.watches = self.follow;
        loop {
            show(context, &mut sources).await?;
            if !self.follow {
                return Ok(());
            }
            tokio::select! {
                () = reader::gone() => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
            for source in &mut sources {
                source.log.look_again();
            }
            advance(&mut sources).await?;
        }
    }

    fn sources(&self, stack: &str, config: &SdkConfig) -> Vec<Source> {
        let wanted = self.function.map(StackFunction::from);
        let since = self.since.millis();
        StackFunction::ALL
            .into_iter()
            .filter(|function| wanted.is_none_or(|wanted| wanted == *function))
            .map(|function| {
                let name = format!("{stack}-{}", function.component());
                Source {
                    function: function.handler(),
                    errors: self.errors,
                    log: FunctionLog::new(config, &name, since),
                    next: None,
                    exists: false,
                }
            })
            .collect()
    }
}

/// Reads the first line of each log.
async fn advance(sources: &mut [Source]) -> Result<(), Failure> {
    for source in sources {
        source.advance().await.map_err(failure)?;
    }
    Ok(())
}

/// Prints the lines of all logs in the order of time.
async fn show(context: &mut Context, sources: &mut [Source]) -> Result<(), Failure> {
    if context.out.is_text() {
        while let Some(line) = take_oldest(sources).await? {
            let LogLine {
                time,
                function,
                message,
                ..
            } = line;
            context.out.line(format!("{time} {function} {message}"))?;
        }
        return Ok(context.out.flush()?);
    }
    let mut rows: Rows<'_, LogLine> = context.out.rows();
    while let Some(line) = take_oldest(sources).await? {
        rows.push(&line)?;
    }
    rows.finish()?;
    Ok(context.out.flush()?)
}

/// Returns the oldest of the next lines.
async fn take_oldest(sources: &mut [Source]) -> Result<Option<LogLine>, Failure> {
    let oldest = sources
        .iter_mut()
        .filter(|source| source.next.is_some())
        .min_by_key(|source| source.next.as_ref().map(|event| event.timestamp));
    let Some(source) = oldest else {
        return Ok(None);
    };
    let event = source.next.take();
    source.advance().await.map_err(failure)?;
    Ok(event.map(|event| LogLine::new(source.function, event)))
}

fn missing(sources: &[Source], config: &SdkConfig) -> Failure {
    let groups: Vec<&str> = sources.iter().map(|source| source.log.group()).collect();
    Failure::NoStack(format!(
        "there is no log group {} {}: the stack has no such function, or --name names another one",
        groups.join(" or "),
        place(config)
    ))
}

fn failure(error: OpsError) -> Failure {
    Failure::Aws(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards an operator who looks for one fault among thousands of lines.
    #[test]
    fn a_fault_is_told_from_the_course_of_events() {
        for line in [
            r#"{"level":"ERROR","message":"records failed"}"#,
            r#"{"level":"WARN","message":"the lease was not taken"}"#,
            r#"{"type":"platform.report","record":{"requestId":"1","status":"timeout"}}"#,
            "2026-01-31T00:00:00.000Z 6f747f5c Task timed out after 60.00 seconds",
            "RequestId: 6f747f5c Error: Runtime exited with error: signal: killed",
            "REPORT RequestId: 6f747f5c\tDuration: 60000.00 ms\tStatus: timeout",
            "INIT_REPORT Init Duration: 9.1 ms\tPhase: init\tStatus: error",
            "thread 'main' panicked at src/main.rs:1:1:",
        ] {
            assert!(tells_fault(line), "{line}");
        }
        for line in [
            r#"{"level":"INFO","message":"records are counted","failed":0}"#,
            r#"{"type":"platform.report","record":{"requestId":"1","status":"success"}}"#,
            "START RequestId: 6f747f5c Version: $LATEST",
            "END RequestId: 6f747f5c",
            "REPORT RequestId: 6f747f5c\tDuration: 9.00 ms\tMax Memory Used: 30 MB\t\n",
            "INIT_START Runtime Version: provided:al2023.v40",
            "",
        ] {
            assert!(!tells_fault(line), "{line}");
        }
    }

    #[test]
    fn the_beginning_is_a_duration_or_a_time() {
        assert_eq!(since("10m"), Ok(Since::Ago(600_000)));
        assert_eq!(since("1d"), Ok(Since::Ago(86_400_000)));
        assert_eq!(since("1970-01-02"), Ok(Since::Time(86_400_000)));
        for wrong in ["", "10", "m", "-5m", "1.5h", "10 m", "99999999999999999d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
