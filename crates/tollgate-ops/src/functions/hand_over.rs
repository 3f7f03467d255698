//! The hand-over of a stream from one version of a function to another.

use std::time::Duration;

use aws_types::SdkConfig;
use tokio::time::{Instant, sleep};

use super::{
    code::code_hash,
    event_source::{EventSourceState, StreamSource, StreamSources},
};
use crate::{error::OpsError, http_client::with_http_client};

/// The time between two looks at a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// The connections of a function to streams, disabled until the function is replaced. They keep
/// their positions, so the new function gets the first record that the old one has not handled.
#[derive(Debug)]
#[must_use = "the stream stays without a function until the hand-over ends"]
pub struct HandOver {
    config: SdkConfig,
    function: String,
    sources: StreamSources,
    found: Vec<StreamSource>,
    /// The hash of the function's code.
    code: Option<String>,
    deadline: Duration,
}

impl HandOver {
    /// Disables the connections of a function, and waits until no invocation is under way. Without
    /// connections, nothing is done.
    ///
    /// # Errors
    /// [`OpsError::Aws`], or [`OpsError::Unsettled`] if that takes longer than `deadline`: the
    /// connections are as they were. [`OpsError::StreamStopped`] if they could not be set back.
    pub async fn begin(
        config: &SdkConfig,
        function: &str,
        deadline: Duration,
    ) -> Result<Self, OpsError> {
        let sources = StreamSources::new(config);
        let hand_over = Self {
            config: with_http_client(config),
            function: function.to_owned(),
            found: sources.of_function(function).await?,
            sources,
            code: code_hash(config, function).await?,
            deadline,
        };
        for source in &hand_over.found {
            if let Err(error) = hand_over.set(&source.id, false).await {
                return Err(match hand_over.undo().await {
                    Ok(_) => error,
                    Err(_) => OpsError::StreamStopped {
                        function: hand_over.function,
                        error: Box::new(error),
                    },
                });
            }
        }
        Ok(hand_over)
    }

    /// Returns the connections as they were before.
    pub fn found(&self) -> &[StreamSource] {
        &self.found
    }

    /// Returns true if the function has the code that it had before.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn has_old_code(&self) -> Result<bool, OpsError> {
        Ok(code_hash(&self.config, &self.function).await? == self.code)
    }

    /// Enables all connections, also those that were disabled before, and waits until they are
    /// enabled.
    ///
    /// # Errors
    /// [`OpsError::Aws`], or [`OpsError::Unsettled`] if that takes longer than the deadline. The
    /// call can be repeated.
    pub async fn end(&self) -> Result<(), OpsError> {
        for source in &self.found {
            self.set(&source.id, true).await?;
        }
        Ok(())
    }

    /// Enables the connections that were not disabled before, because the function stays as it is.
    /// Returns the number of those that were disabled before, and still are.
    ///
    /// # Errors
    /// The errors of [`end`](Self::end).
    pub async fn undo(&self) -> Result<usize, OpsError> {
        let mut disabled = 0;
        for source in &self.found {
            if source.state == EventSourceState::Disabled {
                disabled += 1;
            } else {
                self.set(&source.id, true).await?;
            }
        }
        Ok(disabled)
    }

    async fn set(&self, id: &str, enabled: bool) -> Result<(), OpsError> {
        let wanted = if enabled {
            EventSourceState::Enabled
        } else {
            EventSourceState::Disabled
        };
        let until = Instant::now() + self.deadline;
        let mut asked = false;
        loop {
            let state = self.sources.get(id).await?.state;
            if state == wanted {
                return Ok(());
            }
            if Instant::now() >= until {
                let (id, state) = (id.to_owned(), state.to_string());
                return Err(OpsError::Unsettled { id, state });
            }
            // A change that is under way refuses another one.
            if !asked && !matches!(state, EventSourceState::Changing(_)) {
                self.sources.set_enabled(id, enabled).await?;
                asked = true;
            } else {
                sleep(PAUSE).await;
            }
        }
    }
}
