//! The records that a deployment writes into the table.

use tollgate::{
    RateLimiter,
    model::{ConfigScope, NamespaceInfo, NamespaceName},
    store::dynamodb::{DynamoDbStore, JoinOnly, SetUp},
};

use super::{error::DeployError, prepared::Prepared, stack_manager::StackManager};
use crate::{options::code_key::version_of, version};

/// The namespace that clients use if none is named.
const NAMESPACE: &str = "default";

impl StackManager {
    /// Writes the records that are missing, and those of the functions. Returns true if something
    /// changed.
    pub(super) async fn initialize(&self, prepared: &Prepared) -> Result<bool, DeployError> {
        let is_changed = self.initialize_table(prepared).await?;
        Ok(self.initialize_functions(prepared).await? || is_changed)
    }

    /// Writes the records that are missing: the version record, the namespace `default`, and the days
    /// for which its history is kept if the options change them. Returns true if something changed.
    pub(super) async fn initialize_table(&self, prepared: &Prepared) -> Result<bool, DeployError> {
        let set_up = self.table.set_up(&JoinOnly::new()).await?;
        let namespaces = self.registry()?.namespaces();
        let namespace = namespaces.register(&default_namespace()?).await?;
        let days = prepared.definition().audit_retention_days();
        let is_changed = prepared.stored_retention() != Some(days);
        if is_changed {
            self.table
                .record_audit_retention(&namespace.id, days)
                .await?;
        }
        Ok(is_changed || set_up != SetUp::Unchanged)
    }

    /// Writes the version of the functions, if there are some. Returns true if it changed.
    pub(super) async fn initialize_functions(
        &self,
        prepared: &Prepared,
    ) -> Result<bool, DeployError> {
        let Some(version) = functions_of(prepared) else {
            return Ok(false);
        };
        let record = self.table.version_record().await?;
        let recorded = record.and_then(|record| record.lambda_version);
        if recorded.as_ref() == Some(&version) {
            return Ok(false);
        }
        self.table.record_functions(&version).await?;
        Ok(true)
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
