//! The keys of objects with the functions' code: they have the version of the code.

const PREFIX: &str = "tollgate-";

/// Returns the key of this version's code with this hash.
#[cfg(feature = "manager")]
pub(crate) fn of(hash: &str) -> String {
    format!("{PREFIX}{}-{hash}.zip", tollgate::VERSION)
}

/// Returns the version of the code with this key, or the version of this crate if the key does not
/// have it.
pub(crate) fn version_of(key: &str) -> &str {
    let version = key
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('-'))
        .map(|(version, _)| version);
    version
        .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or(tollgate::VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_the_version() {
        assert_eq!(version_of("tollgate-0.9.0-rc1-abc.zip"), "0.9.0-rc1");
        assert_eq!(version_of("my.zip"), tollgate::VERSION);
        #[cfg(feature = "manager")]
        assert_eq!(version_of(&of("abc")), tollgate::VERSION);
    }
}
