//! The version record of a table, and the check if this crate can work with the table.

use std::{cmp::Ordering, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::seconds;

/// The schema version that this crate reads and writes.
const SCHEMA: &str = "0.10.0";

/// The version of the Python client whose items this crate understands. This crate counts as that
/// version if a table requires a minimum client version.
const EQUIVALENT: &str = "0.17.0";

/// A table's version record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VersionRecord {
    /// The version of the table's schema.
    pub schema_version: Option<String>,
    /// The oldest Python client that understands all stored data. Clients raise it when they store
    /// data that older clients would misread.
    pub client_min_version: Option<String>,
    /// The version of the Python client's functions; `None` if they are not deployed.
    pub lambda_version: Option<String>,
    /// The time at which the record was written, in whole seconds. The serialized form is epoch
    /// seconds.
    #[serde(with = "seconds::optional")]
    pub updated_at: Option<SystemTime>,
    /// The writer of the record: `client:` or `tollgate:` and a version.
    pub updated_by: Option<String>,
}

/// The reason why this crate cannot work with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IncompatibleVersion {
    /// The schema has another major version, or a higher minor version than this crate's.
    #[error("its schema is {found}, this crate understands {supported}")]
    Schema {
        /// The table's schema version.
        found: String,
        /// The schema version of this crate.
        supported: &'static str,
    },
    /// The table contains data that only newer clients understand.
    #[error("it asks for client version {required}, this crate understands what {equivalent} does")]
    ClientTooOld {
        /// The oldest Python client that may use the table.
        required: String,
        /// The Python client version that this crate counts as.
        equivalent: &'static str,
    },
    /// A version in the record is not valid.
    #[error(
        "its {attribute} is {found:?}, which is no version; this crate understands {supported}"
    )]
    NoVersion {
        /// The attribute with the version.
        attribute: &'static str,
        /// The attribute's value.
        found: String,
        /// The version of this crate that it is compared with.
        supported: &'static str,
    },
}

impl VersionRecord {
    /// Returns the record that this crate writes, at `now` (epoch ms).
    pub fn ours(now: i64) -> Self {
        Self {
            schema_version: Some(SCHEMA.into()),
            client_min_version: Some("0.0.0".into()),
            // This crate does not deploy the Python client's functions. With any other version than
            // its own, the Python client would deploy them again.
            lambda_version: None,
            updated_at: Some(seconds::from_millis(now)),
            updated_by: Some(concat!("tollgate:", env!("CARGO_PKG_VERSION")).into()),
        }
    }

    /// Returns `true` if this crate wrote the record last. Then no Python client has provisioned or
    /// upgraded the table.
    pub fn is_ours(&self) -> bool {
        self.updated_by
            .as_deref()
            .is_some_and(|by| by.starts_with("tollgate:"))
    }

    /// Returns `true` if the table admits clients that are older than `version`.
    ///
    /// # Errors
    /// [`IncompatibleVersion::NoVersion`].
    #[cfg(feature = "dynamodb")]
    pub(crate) fn admits_older_than(
        &self,
        version: &'static str,
    ) -> Result<bool, IncompatibleVersion> {
        let required = parse("client_min_version", version, version)?;
        match &self.client_min_version {
            None => Ok(true),
            Some(known) => Ok(parse("client_min_version", known, version)? < required),
        }
    }

    /// Returns the version of the table's functions if they are older than `version`.
    ///
    /// # Errors
    /// [`IncompatibleVersion::NoVersion`].
    #[cfg(feature = "dynamodb")]
    pub(crate) fn functions_before(
        &self,
        version: &'static str,
    ) -> Result<Option<&str>, IncompatibleVersion> {
        let required = parse("lambda_version", version, version)?;
        match &self.lambda_version {
            Some(found) if parse("lambda_version", found, version)? < required => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// Checks that this crate can work with the table. The schema must have our major version and
    /// at most our minor version. The required client version must be at most 0.17.0, which this
    /// crate counts as. The version of the functions does not matter.
    ///
    /// # Errors
    /// [`IncompatibleVersion`] with the reason. A record without a schema version is refused. A
    /// record without a client version requires none.
    pub fn check(&self) -> Result<(), IncompatibleVersion> {
        let found = self.schema_version.as_deref().unwrap_or_default();
        let schema = parse("schema_version", found, SCHEMA)?;
        let ours = parse("schema_version", SCHEMA, SCHEMA)?;
        if schema.numbers[0] != ours.numbers[0] || schema.numbers[1] > ours.numbers[1] {
            return Err(IncompatibleVersion::Schema {
                found: found.into(),
                supported: SCHEMA,
            });
        }
        let Some(required) = &self.client_min_version else {
            return Ok(());
        };
        if parse("client_min_version", required, EQUIVALENT)?
            > parse("client_min_version", EQUIVALENT, EQUIVALENT)?
        {
            return Err(IncompatibleVersion::ClientTooOld {
                required: required.clone(),
                equivalent: EQUIVALENT,
            });
        }
        Ok(())
    }
}

fn parse(
    attribute: &'static str,
    text: &str,
    supported: &'static str,
) -> Result<Version, IncompatibleVersion> {
    Version::parse(text).ok_or_else(|| IncompatibleVersion::NoVersion {
        attribute,
        found: text.into(),
        supported,
    })
}

/// A version as Python clients spell it: `0.17.0`, `0.17`, `v0.17.0-dev`, `0.17.0rc1`,
/// `0.17.1.dev3+g1234567`.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// The pre-release tag. The number of a development build is ignored.
    before: Option<String>,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (text, development) = match text.rsplit_once(".dev") {
            Some((version, number)) if is_number(number) => (version, Some("dev")),
            _ => (text, None),
        };
        let (release, tag) = match text.split_once('-') {
            Some((_, "")) => return None,
            Some((release, tag)) => (release, Some(tag)),
            None => match text.find(['a', 'b', 'r']) {
                Some(at) if is_candidate(&text[at..]) => (&text[..at], Some(&text[at..])),
                _ => (text, None),
            },
        };
        let parts: Vec<u64> = release
            .split('.')
            .map(|part| part.parse().ok().filter(|_| is_number(part)))
            .collect::<Option<_>>()?;
        let numbers = match (parts.as_slice(), tag) {
            ([major, minor, patch], _) => [*major, *minor, *patch],
            ([major, minor], None) => [*major, *minor, 0],
            _ => return None,
        };
        let before: Vec<&str> = tag.into_iter().chain(development).collect();
        Some(Self {
            numbers,
            before: (!before.is_empty()).then(|| before.join("-")),
        })
    }
}

/// Returns `true` for a pre-release tag: `a1`, `b2`, `rc3`.
fn is_candidate(tag: &str) -> bool {
    ["a", "b", "rc"]
        .iter()
        .any(|word| tag.strip_prefix(word).is_some_and(is_number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // The release is greater than its pre-releases.
        let rank = |version: &Self| (version.numbers, version.before.is_none());
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.before.cmp(&other.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(schema: Option<&str>, client: Option<&str>) -> VersionRecord {
        VersionRecord {
            schema_version: schema.map(Into::into),
            client_min_version: client.map(Into::into),
            ..VersionRecord::default()
        }
    }

    #[test]
    fn older_minors_of_the_schema_are_read() {
        for (schema, readable) in [
            ("0.10.0", true),
            ("0.10.7", true),
            ("0.10", true),
            ("0.9.3", true),
            ("0.11.0", false),
            ("1.0.0", false),
            ("1.10.0", false),
        ] {
            let checked = record(Some(schema), None).check();
            let refused = IncompatibleVersion::Schema {
                found: schema.into(),
                supported: SCHEMA,
            };
            assert_eq!(
                checked,
                if readable { Ok(()) } else { Err(refused) },
                "{schema}"
            );
        }
    }

    #[test]
    fn this_crate_counts_as_the_client_whose_items_it_understands() {
        for (client, accepted) in [
            ("0.0.0", true),
            ("0.15.0", true),
            ("0.17.0", true),
            ("0.17.0rc1", true),
            ("0.17.0.dev9+gabc", true),
            ("v0.17.0", true),
            ("0.17.1.dev1", false),
            ("0.17.1", false),
            ("0.18.0", false),
            ("1.0.0", false),
        ] {
            let checked = record(Some(SCHEMA), Some(client)).check();
            let refused = IncompatibleVersion::ClientTooOld {
                required: client.into(),
                equivalent: EQUIVALENT,
            };
            assert_eq!(
                checked,
                if accepted { Ok(()) } else { Err(refused) },
                "{client}"
            );
        }
        assert_eq!(record(Some(SCHEMA), None).check(), Ok(()));
        assert_eq!(VersionRecord::ours(0).check(), Ok(()));
    }

    #[test]
    fn a_text_that_is_no_version_is_refused_by_name() {
        for garbage in [
            "",
            "ten",
            "1",
            "0.10.x",
            "0.10.0.1",
            "-1.0.0",
            "0.+1.0",
            "0.10-",
            "0.10rc1",
            "99999999999999999999.0.0",
        ] {
            for (record, name) in [
                (record(Some(garbage), None), "schema_version"),
                (record(Some(SCHEMA), Some(garbage)), "client_min_version"),
            ] {
                let error = record.check().unwrap_err();
                let is_named = matches!(
                    &error,
                    IncompatibleVersion::NoVersion { attribute, found, .. } if *attribute == name && found == garbage
                );
                assert!(is_named, "{garbage:?}: {error}");
            }
        }
        assert!(record(None, None).check().is_err());
    }

    #[test]
    fn versions_are_ordered_as_the_peers_order_them() {
        let sorted = [
            "0.9.12",
            "0.10.0-a1",
            "0.10.0-dev",
            "0.10.0-rc1",
            "0.10.0",
            "0.10.1",
            "1.0.0",
        ];
        for pair in sorted.windows(2) {
            let [one, other] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert!(one < other, "{pair:?}");
        }
        for (one, other) in [
            ("0.1.dev1+ge76be32", "0.1.0-dev"),
            ("0.15.0rc1.dev3", "0.15.0-rc1-dev"),
        ] {
            assert_eq!(Version::parse(one), Version::parse(other), "{one}");
        }
    }
}
