//! The place of archives.

use std::{fmt, path::PathBuf, pin::Pin};

use tollgate_ops::{
    OpsError,
    archive::{self, AuditRow},
};

/// A place for events of the history that expired.
pub trait Archive: fmt::Debug {
    /// Writes events. An event may come again, if the batch that it was in did.
    fn write<'a>(
        &'a self,
        rows: &'a [AuditRow],
    ) -> Pin<Box<dyn Future<Output = Result<(), OpsError>> + 'a>>;
}

/// A folder for events of the history: one file for each day and batch.
#[derive(Clone, Debug)]
pub struct FolderArchive(PathBuf);

impl FolderArchive {
    /// Creates an archive below a folder, which is made with the first file.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }
}

impl Archive for FolderArchive {
    fn write<'a>(
        &'a self,
        rows: &'a [AuditRow],
    ) -> Pin<Box<dyn Future<Output = Result<(), OpsError>> + 'a>> {
        Box::pin(async move { archive::Archive::Folder(self.0.clone()).store(rows).await })
    }
}
