//! The owner of the AWS credentials.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::Client;
use tokio::sync::OnceCell;

use crate::telemetry;

/// The longest wait for STS. After it, the caller counts as unknown.
const DEADLINE: Duration = Duration::from_secs(1);

/// The caller's ARN. STS is asked once, when the ARN is first needed. Clones share the result.
#[derive(Clone)]
pub(crate) struct CallerIdentity {
    shared: Arc<SharedClient>,
}

struct SharedClient {
    client: Client,
    arn: OnceCell<Option<String>>,
}

impl fmt::Debug for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerIdentity")
            .field("arn", &self.shared.arn.get())
            .finish_non_exhaustive()
    }
}

impl CallerIdentity {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        let mut builder = aws_sdk_sts::config::Builder::from(config);
        if config.behavior_version().is_none() {
            builder = builder.behavior_version(BehaviorVersion::v2026_01_12());
        }
        let client = Client::from_conf(builder.build());
        Self {
            shared: Arc::new(SharedClient {
                client,
                arn: OnceCell::new(),
            }),
        }
    }

    /// Returns the ARN. `None` if STS does not answer in time or with an error; then it is not
    /// asked again.
    pub(super) async fn arn(&self) -> Option<String> {
        let ask = || async {
            let call = self.shared.client.get_caller_identity().send();
            match tokio::time::timeout(DEADLINE, call).await {
                Ok(Ok(identity)) => identity.arn,
                Ok(Err(error)) => {
                    telemetry::caller_unknown(&aws_sdk_sts::error::DisplayErrorContext(error));
                    None
                }
                Err(late) => {
                    telemetry::caller_unknown(&late);
                    None
                }
            }
        };
        self.shared.arn.get_or_init(ask).await.clone()
    }
}
