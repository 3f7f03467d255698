//! The records that a deployment writes into the table.

use tollgate::{
    RateLimiter,
    model::{ConfigScope, NamespaceInfo, NamespaceName},
    store::dynamodb::{DynamoDbStore, JoinOnly},
};

use super::{error::DeployError, prepared::Prepared, stack_manager::StackManager};
use crate::{options::code_key::version_of, version};

/// The namespace that clients use if none is named.
const NAMESPACE: &str = "default";

impl StackManager {
    /// Writes the records that are missing: the version record, the namespace `default`, the days for
    /// which its history is kept if the options change them, and the version of the functions if there
    /// are some. Returns true if the days or the version changed.
    pub(super) async fn initialize(&self, prepared: &Prepared) -> Result<bool, DeployError> {
        self.table.set_up(&JoinOnly::new()).await?;
        let namespaces = self.registry()?.namespaces();
        let namespace = namespaces.register(&default_namespace()?).await?;
        let days = prepared.definition().audit_retention_days();
        let mut is_changed = prepared.stored_retention() != Some(days);
        if is_changed {
            self.table
                .record_audit_retention(&namespace.id, days)
                .await?;
        }
        if let Some(version) = functions_of(prepared) {
            let record = self.table.version_record().await?;
            let recorded = record.and_then(|record| record.lambda_version);
            if recorded.as_ref() != Some(&version) {
                self.table.record_functions(&version).await?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    /// Returns the days for which the history of the namespace `default` is kept, if they are stored.
    pub(super) async fn stored_retention(&self) -> Result<Option<u32>, DeployError> {
        let namespaces = self.registry()?.namespaces();
        let Some(namespace) = namespaces.get(&default_namespace()?).await? else {
            return Ok(None);
        };
        let limiter = self.limiter_of(&namespace)?;
        let config = limiter.config().get(&ConfigScope::System).await?;
        Ok(config.and_then(|config| config.audit_retention_days))
    }

    /// Returns true if there is a table of the stack's name.
    pub(super) async fn table_exists(&self) -> Result<bool, DeployError> {
        use tollgate::error::StackError;
        match self.table.inspect().await {
            Ok(_) => Ok(true),
            Err(StackError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a limiter of the table's own records.
    fn registry(&self) -> Result<RateLimiter, DeployError> {
        self.limiter("_")
    }

    fn limiter_of(&self, namespace: &NamespaceInfo) -> Result<RateLimiter, DeployError> {
        self.limiter(namespace.id.as_ref())
    }

    fn limiter(&self, namespace: &str) -> Result<RateLimiter, DeployError> {
        let store = DynamoDbStore::new(self.table.client(), self.table.table(), namespace);
        let deadline = self.table.call_deadline();
        let builder = RateLimiter::builder()
            .store_deadline(deadline)
            .call_deadline(deadline)
            .without_breaker();
        Ok(builder.build(store).map_err(tollgate::Error::from)?)
    }
}

fn default_namespace() -> Result<NamespaceName, DeployError> {
    let name = NamespaceName::new(NAMESPACE);
    Ok(name.map_err(tollgate::Error::from)?)
}

/// Returns the version of the functions; `None` if the stack has none.
fn functions_of(prepared: &Prepared) -> Option<String> {
    let key = prepared.function_code()?;
    let has_functions = prepared.definition().has_functions();
    has_functions.then(|| version::equivalent_of(version_of(key)))
}
