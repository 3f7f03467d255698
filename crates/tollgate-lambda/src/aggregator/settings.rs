//! The variables of the function.

use std::{collections::BTreeSet, path::PathBuf};

use tollgate_ops::usage::WindowLength;

const TABLE: &str = "TABLE_NAME";
const WINDOWS: &str = "SNAPSHOT_WINDOWS";
const DAYS: &str = "SNAPSHOT_TTL_DAYS";
const ARCHIVES: &str = "ENABLE_ARCHIVAL";
const BUCKET: &str = "ARCHIVE_BUCKET_NAME";
const FOLDER: &str = "ARCHIVE_FOLDER";

/// The most days that a snapshot can be kept.
const MOST_DAYS: u32 = 3650;

/// The settings of the aggregator.
///
/// | variable | default |
/// |---|---|
/// | `TABLE_NAME` | none: it must be set |
/// | `SNAPSHOT_WINDOWS` | `hourly,daily`; also `monthly` |
/// | `SNAPSHOT_TTL_DAYS` | 90; at most 3650 |
/// | `ENABLE_ARCHIVAL` | `false` |
/// | `ARCHIVE_BUCKET_NAME` | none: the bucket of archives |
/// | `ARCHIVE_FOLDER` | none; in place of a bucket, the folder of archives, such as a file system that the function mounts |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The table.
    pub table: String,
    /// The windows that snapshots are written for.
    pub windows: BTreeSet<WindowLength>,
    /// The number of days after which a snapshot expires, counted from the end of its window.
    pub retention_days: u32,
    /// The place of archives, if events are archived.
    pub archive: Option<ArchivePlace>,
}

/// The place of archives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchivePlace {
    /// A bucket of S3.
    Bucket(String),
    /// A folder.
    Folder(PathBuf),
}

/// A variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidSetting {
    variable: &'static str,
    problem: String,
}

impl InvalidSetting {
    fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

impl Settings {
    /// Creates the default settings for a table.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            windows: BTreeSet::from([WindowLength::Hour, WindowLength::Day]),
            retention_days: 90,
            archive: None,
        }
    }

    /// Reads the settings. `variable` returns the value of a variable. An empty value is none.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first variable that is missing or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let table = value(TABLE).ok_or_else(|| {
            InvalidSetting::new(TABLE, "it is not set: it must name the stack's table")
        })?;
        let mut settings = Self::new(table);
        if let Some(words) = value(WINDOWS) {
            settings.windows = words.split(',').map(window).collect::<Result<_, _>>()?;
        }
        if let Some(days) = value(DAYS) {
            let fits = |days: &u32| (1..=MOST_DAYS).contains(days);
            let days = days.trim().parse().ok().filter(fits);
            settings.retention_days = days.ok_or_else(|| {
                InvalidSetting::new(DAYS, format!("it must be a number from 1 to {MOST_DAYS}"))
            })?;
        }
        if is_true(value(ARCHIVES))? {
            let bucket = value(BUCKET).map(ArchivePlace::Bucket);
            let place =
                bucket.or_else(|| value(FOLDER).map(|folder| ArchivePlace::Folder(folder.into())));
            let place = place.ok_or_else(|| {
                let problem =
                    format!("events are to be archived, and neither {BUCKET} nor {FOLDER} is set");
                InvalidSetting::new(ARCHIVES, problem)
            })?;
            settings.archive = Some(place);
        }
        Ok(settings)
    }
}

fn window(word: &str) -> Result<WindowLength, InvalidSetting> {
    let lengths = [WindowLength::Hour, WindowLength::Day, WindowLength::Month];
    let length = lengths
        .into_iter()
        .find(|length| length.word() == word.trim());
    length.ok_or_else(|| {
        let problem = format!("{word:?} is none of hourly, daily and monthly");
        InvalidSetting::new(WINDOWS, problem)
    })
}

fn is_true(value: Option<String>) -> Result<bool, InvalidSetting> {
    match value
        .map(|value| value.trim().to_ascii_lowercase())
        .as_deref()
    {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(InvalidSetting::new(ARCHIVES, "it must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_variables_of_a_stack_are_read() {
        let settings = read(&[
            (TABLE, "limits"),
            (WINDOWS, "hourly, monthly"),
            (DAYS, "30"),
            (ARCHIVES, "True"),
            (FOLDER, "/mnt/archive"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.table, "limits");
        let windows = BTreeSet::from([WindowLength::Hour, WindowLength::Month]);
        assert_eq!((settings.windows, settings.retention_days), (windows, 30));
        let folder = ArchivePlace::Folder("/mnt/archive".into());
        assert_eq!(settings.archive, Some(folder));
        let settings = read(&[(TABLE, "limits"), (ARCHIVES, "true"), (BUCKET, "events")]);
        let bucket = ArchivePlace::Bucket("events".into());
        assert_eq!(settings.unwrap().archive, Some(bucket));
        assert_eq!(
            read(&[(TABLE, "limits"), (WINDOWS, ""), (ARCHIVES, "false")]),
            Ok(Settings::new("limits"))
        );
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, wrong) in [
            (TABLE, ""),
            (WINDOWS, "weekly"),
            (DAYS, "0"),
            (DAYS, "many"),
            (ARCHIVES, "yes"),
            (ARCHIVES, "true"),
        ] {
            let problem = read(&[(name, wrong), (TABLE, "limits")]).unwrap_err();
            assert!(problem.starts_with(name), "{problem}");
        }
    }
}
