//! Lines for CloudWatch Logs: one JSON object each.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The importance of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// Writes a line. `fields` must be an object; its fields become fields of the line.
pub(crate) fn line(level: Level, message: &str, fields: Value) {
    let text = text(level, message, fields);
    // If nobody reads the log, nothing is left to do.
    let _ = writeln!(io::stdout(), "{text}");
}

fn text(level: Level, message: &str, fields: Value) -> String {
    let level = match level {
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    let mut line = Map::new();
    line.insert("timestamp".into(), json!(Timestamp::now().to_string()));
    line.insert("level".into(), json!(level));
    line.insert("message".into(), json!(message));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let line = text(Level::Warn, "two\nlines", json!({ "records": 3 }));
        assert!(!line.contains('\n'), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "two\nlines");
        assert_eq!(line["records"], 3);
    }
}
