//! The port of the local table.

use std::env;

use crate::failure::Failure;

/// The variable with the port if `--port` does not name one.
const VARIABLE: &str = "TOLLGATE_LOCAL_PORT";

/// The port of the Python command's local table, which scripts know.
const DEFAULT: u16 = 4566;

/// Returns the port that was asked for: `given`, else the variable's.
pub(super) fn asked(given: Option<u16>) -> Result<Option<u16>, Failure> {
    let Some(text) = env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(given);
    };
    let port = text.to_str().and_then(|text| text.parse().ok());
    match given.or(port) {
        Some(port) => Ok(Some(port)),
        None => Err(Failure::Usage(format!("{VARIABLE}: {text:?} is no port"))),
    }
}

/// Returns the port for a new server.
pub(super) fn choose(given: Option<u16>) -> Result<u16, Failure> {
    Ok(asked(given)?.unwrap_or(DEFAULT))
}
