//! The versions that a stack tells its clients.

/// The version of the table's schema.
pub(crate) const SCHEMA: &str = "0.10.0";

/// The version of zae-limiter whose features the functions have.
const PYTHON: &str = "0.17.0";

/// The text between the two versions of the functions.
const OWN: &str = "+tollgate.";

/// Returns the version of the functions: Python clients read the part before `+`, and redeploy
/// nothing.
pub(crate) fn equivalent() -> String {
    equivalent_of(tollgate::VERSION)
}

/// Returns the version of functions that a version of this crate has.
pub(crate) fn equivalent_of(version: &str) -> String {
    format!("{PYTHON}{OWN}{version}")
}

/// Returns true if functions of this version are older than those of this crate. Functions of Python
/// clients are never older.
#[cfg(feature = "manager")]
pub(crate) fn is_older(functions: &str) -> bool {
    let own = functions.split_once(OWN).and_then(|(_, own)| numbers(own));
    own.zip(numbers(tollgate::VERSION))
        .is_some_and(|(own, current)| own < current)
}

/// Returns the numbers of a version, without what follows them.
#[cfg(feature = "manager")]
fn numbers(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(all(test, feature = "manager"))]
mod tests {
    use super::*;

    #[test]
    fn only_functions_of_older_versions_of_this_crate_are_older() {
        assert!(is_older("0.17.0+tollgate.0.0.9"));
        assert!(!is_older(&equivalent()));
        assert!(!is_older("0.17.0+tollgate.999.0.0"));
        assert!(!is_older("0.16.0"));
        assert!(!is_older("0.17.0+tollgate.something"));
    }
}
