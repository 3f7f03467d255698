//! The place of an archive.

use std::path::PathBuf;

use super::{bucket::ArchiveBucket, folder, object::Object, row::AuditRow};
use crate::error::OpsError;

/// An archive of events that expired.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Archive {
    /// Files below a folder.
    Folder(PathBuf),
    /// Objects in a bucket of S3, or of a storage that speaks its protocol.
    Bucket(ArchiveBucket),
}

impl Archive {
    /// Stores events: one file or object for each day that has events. If a batch comes again, an
    /// event may be stored twice: its `event_id` tells.
    ///
    /// # Errors
    /// [`OpsError::Archive`] if a file cannot be written, [`OpsError::Upload`] if an object cannot be
    /// stored. Store the events again.
    pub async fn store(&self, rows: &[AuditRow]) -> Result<(), OpsError> {
        let objects = Object::of(rows).map_err(|source| OpsError::Archive {
            path: "in memory".to_owned(),
            source,
        })?;
        for object in objects {
            match self {
                Self::Folder(folder) => folder::write(folder.clone(), object).await?,
                Self::Bucket(bucket) => bucket.put(object).await?,
            }
        }
        Ok(())
    }
}
