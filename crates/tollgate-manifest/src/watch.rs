//! Keeps the limits of a limiter as a file is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tollgate::{Error, RateLimiter};

use crate::{
    file::{self, ManifestError},
    install::install,
    manifest::Manifest,
};

/// An event of a watched file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ManifestEvent {
    /// The file changed, and its limits apply now.
    Installed(Manifest),
    /// The file cannot be read or has faults. The old limits stay. This is told once for each text.
    Refused(ManifestError),
    /// The limits could not be stored. They are stored again after the next pause.
    Failed(Error),
}

/// Reads a file again and again, and gives the limiter its limits if it has changed: see
/// [`install`]. `installed` is the manifest that the limiter has. `tell` is called for each event.
/// The future never ends: spawn it, and abort the task when the service stops.
///
/// ```no_run
/// use std::time::Duration;
/// use tollgate::RateLimiter;
/// use tollgate_manifest::{Manifest, install, watch};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let manifest = Manifest::read("limits.yaml")?; // a service must not start without limits
/// let limiter = RateLimiter::memory();
/// install(&limiter, None, &manifest).await?;
/// tokio::spawn(watch(limiter.clone(), "limits.yaml", manifest, Duration::from_secs(1), |event| {
///     println!("{event:?}");
/// }));
/// # Ok(())
/// # }
/// ```
///
/// # Cost
/// One read of the file for each pause.
pub async fn watch(
    limiter: RateLimiter,
    path: impl AsRef<Path> + Send,
    installed: Manifest,
    every: Duration,
    mut tell: impl FnMut(ManifestEvent) + Send,
) {
    let mut watched = Watched {
        path: path.as_ref().to_owned(),
        seen: None,
    };
    let mut installed = installed;
    loop {
        tokio::time::sleep(every).await;
        match watched.changed().await {
            Ok(Some(manifest)) if manifest == installed => {}
            Ok(Some(manifest)) => match install(&limiter, Some(&installed), &manifest).await {
                Ok(()) => {
                    tracing::info!(file = %watched.path.display(), "new limits apply");
                    installed = manifest.clone();
                    tell(ManifestEvent::Installed(manifest));
                }
                Err(error) => {
                    tracing::warn!(%error, "new limits could not be stored: trying again");
                    watched.seen = None;
                    tell(ManifestEvent::Failed(error));
                }
            },
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "the limits' file is wrong: the old limits stay");
                tell(ManifestEvent::Refused(error));
            }
        }
    }
}

/// A file, and its last text.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// The text, or the problem that was told.
    seen: Option<Result<String, String>>,
}

impl Watched {
    /// Returns the manifest of a text that is new. An error is returned once.
    async fn changed(&mut self) -> Result<Option<Manifest>, ManifestError> {
        let path = self.path.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || file::text(&path)).await else {
            return Ok(None);
        };
        let now = match &read {
            Ok(text) => Ok(text.clone()),
            Err(error) => Err(error.to_string()),
        };
        if self.seen.as_ref() == Some(&now) {
            return Ok(None);
        }
        self.seen = Some(now);
        let text = read?;
        Ok(Some(Manifest::parse(
            &self.path.display().to_string(),
            &text,
        )?))
    }
}
