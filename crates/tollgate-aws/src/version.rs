//! The versions that a stack tells its clients.

/// The version of the table's schema.
pub(crate) const SCHEMA: &str = "0.10.0";

/// The version of zae-limiter whose features the functions have.
const PYTHON: &str = "0.17.0";

/// Returns the version of the functions: Python clients read the part before `+`, and redeploy
/// nothing.
pub(crate) fn equivalent() -> String {
    format!("{PYTHON}+tollgate.{}", tollgate::VERSION)
}
