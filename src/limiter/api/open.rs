//! Opening a limiter over a stack.

use std::{env, future::IntoFuture, pin::Pin, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, Invalid, StackError},
    limiter::api::{
        builder::RateLimiterBuilder,
        early::Early,
        opening::{Opening, told_the_way, way_of, way_to},
        rate_limiter::RateLimiter,
    },
    model::{IntoName, NamespaceName, StackName},
    store::{
        NamespaceStore, StoreError, StoreErrorKind,
        dynamodb::{
            AwsOptions, CallerIdentity, CreateTable, DynamoDbStore, Provision, Registry, Stack,
            VersionCheck, asks_for_caller, check_definition, load_config_from,
        },
    },
};

/// Opens a limiter over a stack's table: await it for a [`RateLimiter`].
///
/// If the table, its version record or the namespace is missing, it is created; the table by
/// [`Provision`]. If all exist, opening costs two consistent reads at the same time: one round trip.
///
/// # Errors
/// [`Error::Stack`] if the stack cannot be joined or provisioned, or does not answer within the
/// [`deadline`](Self::deadline); [`Error::Invalid`] if a name or a setting is invalid. A table is
/// refused if its schema has another major version than this crate, or a higher minor version. A
/// table is also refused if it requires a Python client above 0.17.0, the version that this crate
/// is equivalent to: clients raise that requirement when they store what older clients would
/// misread.
///
/// [`region`](Self::region), [`endpoint_url`](Self::endpoint_url) and [`profile`](Self::profile)
/// are refused together with a [`client`](Self::client) or an [`aws_config`](Self::aws_config),
/// which have their own: [`Invalid::Setting`].
#[must_use = "nothing is opened until it is awaited"]
pub struct OpenOptions {
    stack: Option<Result<StackName, Error>>,
    namespace: Option<Result<NamespaceName, Error>>,
    client: Option<Client>,
    config: Option<SdkConfig>,
    source: AwsOptions,
    caller: Option<CallerIdentity>,
    provision: Arc<dyn Provision>,
    builder: RateLimiterBuilder,
    deadline: Duration,
}

/// The first step of opening.
const READING: &str = "reading the version record";

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions")
            .field("stack", &self.stack)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl RateLimiter {
    /// Joins a stack: returns a builder of a limiter whose buckets live in the stack's DynamoDB
    /// table.
    ///
    /// By default, stack and namespace come from the environment (`TOLLGATE_STACK` and
    /// `TOLLGATE_NAMESPACE`, else `ZAEL_STACK` and `ZAEL_NAMESPACE`, else `zae-limiter` and
    /// `default`). Region, credentials and endpoint are those that the AWS SDK finds there, unless
    /// [`region`](OpenOptions::region), [`profile`](OpenOptions::profile),
    /// [`endpoint_url`](OpenOptions::endpoint_url) or [`client`](OpenOptions::client) is set.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), tollgate::Error> {
    /// use tollgate::RateLimiter;
    ///
    /// let limiter = RateLimiter::open().stack("rate-limits").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open() -> OpenOptions {
        OpenOptions {
            stack: None,
            namespace: None,
            client: None,
            config: None,
            source: AwsOptions::default(),
            caller: None,
            provision: Arc::new(CreateTable::new()),
            builder: Self::builder(),
            deadline: Duration::from_secs(10),
        }
    }
}

impl OpenOptions {
    /// Sets the stack, whose name is also the name of its table.
    pub fn stack<S>(mut self, stack: S) -> Self
    where
        S: IntoName<StackName>,
    {
        self.stack = Some(stack.into_name().map_err(Error::from));
        self
    }

    /// Sets the namespace.
    pub fn namespace<N>(mut self, namespace: N) -> Self
    where
        N: IntoName<NamespaceName>,
    {
        self.namespace = Some(namespace.into_name().map_err(Error::from));
        self
    }

    /// Sets the DynamoDB client, instead of one from the environment and from
    /// [`region`](Self::region), [`endpoint_url`](Self::endpoint_url) and
    /// [`profile`](Self::profile). Its retries apply to opening; bucket writes are sent once.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the SDK's configuration, instead of the one from the environment: see
    /// [`config_loader`](crate::store::dynamodb::config_loader). The history names the owner of its
    /// credentials, by the same rules. Not used if a [`client`](Self::client) is set.
    pub fn aws_config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Sets the region of the table, instead of the one from the environment.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.source.region = Some(region.into());
        self
    }

    /// Sets the endpoint of DynamoDB, instead of AWS's own or the one from the environment, for
    /// example `http://localhost:8000`. Then STS is not asked for the owner of the credentials,
    /// unless [`caller_identity`](Self::caller_identity) or `AWS_ENDPOINT_URL_STS` is set.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.source.endpoint = Some(url.into());
        self
    }

    /// Sets the profile of the AWS configuration files, instead of the one that `AWS_PROFILE`
    /// names.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), tollgate::Error> {
    /// use tollgate::RateLimiter;
    ///
    /// let limiter = RateLimiter::open().profile("staging").region("eu-central-1").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.source.profile = Some(name.into());
        self
    }

    /// Records the owner of the credentials of `config` in the history, unless
    /// [`principal`](RateLimiterBuilder::principal) sets a name. STS is asked once, at the first
    /// change of limits or entities. If STS does not answer within a second, no name is recorded.
    ///
    /// By default this uses the configuration from the environment. The look-up is off if a
    /// [`client`](Self::client) is given. It is also off if [`endpoint_url`](Self::endpoint_url) or
    /// the environment sets an endpoint for DynamoDB, and none is set for STS
    /// (`AWS_ENDPOINT_URL_STS`).
    pub fn caller_identity(mut self, config: &SdkConfig) -> Self {
        self.caller = Some(CallerIdentity::new(config));
        self
    }

    /// Sets how a missing table is provisioned. Default: [`CreateTable`].
    pub fn provision(mut self, provision: impl Provision) -> Self {
        self.provision = Arc::new(provision);
        self
    }

    /// Sets the settings of the limiter.
    pub fn settings(mut self, builder: RateLimiterBuilder) -> Self {
        self.builder = builder;
        self
    }

    /// Sets the longest time that opening may take, including the look-up of region and
    /// credentials. Default: 10 s. While opening waits, the event `opening still waiting` is
    /// emitted (a warning, the first one after a second). The event names the step.
    ///
    /// The time to create a missing table does not count, because DynamoDB may take some minutes.
    /// Each call of that step has this deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    async fn open(self) -> Result<RateLimiter, Error> {
        self.builder.settings.check()?;
        let given = self.client.is_some() || self.config.is_some();
        if given && self.source.is_set() {
            return Err(Invalid::Setting {
                setting: "region, endpoint_url or profile",
                must_be: "unset if a client or a configuration is given",
            }
            .into());
        }
        if let Some(setting) = self.source.empty_endpoint().filter(|_| !given) {
            return Err(Invalid::Setting {
                setting,
                must_be: "a URL such as http://127.0.0.1:8000, or unset",
            }
            .into());
        }
        let name = match self.stack {
            Some(stack) => stack?,
            None => from_environment(["TOLLGATE_STACK", "ZAEL_STACK"], "zae-limiter").try_into()?,
        };
        let namespace = match self.namespace {
            Some(namespace) => namespace?,
            None => {
                from_environment(["TOLLGATE_NAMESPACE", "ZAEL_NAMESPACE"], "default").try_into()?
            }
        };
        let mut opening = Opening::begin(name.as_str().to_owned(), self.deadline);
        let mut caller = self.caller;
        let mut way = "through the client that was given".to_owned();
        let client = match self.client {
            Some(client) => client,
            None => {
                // If no region is set, the SDK asks the metadata service of the machine for it.
                // The answer may take long.
                let given = self.config.is_some();
                let config = async {
                    Ok::<_, StackError>(match self.config {
                        Some(config) => config,
                        None => load_config_from(&self.source).await,
                    })
                };
                let config = opening
                    .step("loading the AWS configuration", config)
                    .await?;
                let region = config.region().ok_or(StackError::NoRegion)?;
                way = if given {
                    way_of(region.as_ref(), config.endpoint_url())
                } else {
                    way_to(region.as_ref(), self.source.endpoint.as_deref())
                };
                if caller.is_none() && asks_for_caller(&config) {
                    caller = Some(CallerIdentity::new(&config));
                }
                Client::new(&config)
            }
        };
        let stack = Stack::new(client, name).with_call_deadline(self.deadline);
        let registry = Registry::new(&stack, SystemClock.now());
        let mut table = DynamoDbStore::new(stack.client(), stack.table(), "_");
        if let Some(deadline) = self.builder.chosen_call_deadline() {
            table = table.with_call_deadline(deadline);
        }
        if let Some(caller) = caller {
            table = table.with_caller(caller);
        }
        // The namespace is used only if the version is known and supported. It is read at the same
        // time, because both are there almost always.
        let mut early = Early::begin(table.find(&namespace));
        let read = opening
            .step(READING, early.beside(registry.check_version()))
            .await;
        // Dropped if its result is not needed: a call that is no longer polled may hold up others,
        // for example while it loads credentials.
        let early = matches!(read, Ok(VersionCheck::Version { .. })).then_some(early);
        let mut found = match read {
            Err(error) if is_rejected(&error) => {
                // If the table has other keys, DynamoDB rejects the call. The definition of the
                // table then shows the reason.
                opening
                    .step("describing the table", check_definition(&stack, false))
                    .await?;
                return Err(error);
            }
            found => found.map_err(|error| told_the_way(error, &way))?,
        };
        let is_provisioned = found == VersionCheck::Nothing;
        if is_provisioned {
            opening.provision(self.provision.provision(&stack)).await?;
            found = opening.step(READING, registry.check_version()).await?;
        }
        if found == VersionCheck::Table {
            opening
                .step(
                    "describing the table",
                    check_definition(&stack, self.provision.registers_namespaces()),
                )
                .await?;
        }
        match found {
            VersionCheck::Nothing => {
                return Err(StackError::NotFound {
                    table: stack.table().into(),
                }
                .into());
            }
            VersionCheck::Table if self.provision.registers_namespaces() => {
                opening
                    .step("writing the version record", registry.put_version())
                    .await?;
            }
            VersionCheck::Table | VersionCheck::Version { .. } => {}
        }
        if matches!(found, VersionCheck::Version { .. }) && !is_provisioned {
            opening.provision(self.provision.update(&stack)).await?;
        }
        let own_table = match found {
            VersionCheck::Version { ours } => ours,
            // The version record was just written. The table is ours if no other client has written
            // the record first.
            _ => matches!(
                opening.step(READING, registry.check_version()).await?,
                VersionCheck::Version { ours: true }
            ),
        };
        let finding = async {
            let found = match early {
                Some(early) => early.finish().await,
                None => table.find(&namespace).await,
            };
            found.map_err(failed("reading the namespace"))
        };
        let namespace = match opening.step("reading the namespace", finding).await? {
            Some(namespace) => namespace,
            None if !self.provision.registers_namespaces() => {
                let table = stack.table().to_owned();
                return Err(StackError::NamespaceNotFound {
                    table,
                    namespace: namespace.to_string(),
                }
                .into());
            }
            None => {
                const ACTION: &str = "registering the namespace";
                let now = SystemClock.now();
                opening
                    .step(ACTION, async {
                        table
                            .register(&namespace, now)
                            .await
                            .map_err(failed(ACTION))
                    })
                    .await?
            }
        };
        let store = table.scoped(&namespace.id);
        let mut builder = if own_table {
            self.builder.own_table()
        } else {
            self.builder
        };
        builder.settings.namespace = Some(namespace.name);
        Ok(builder.build_shared(store)?)
    }
}

fn is_rejected(error: &Error) -> bool {
    matches!(error, Error::Stack(StackError::Call { error, .. }) if error.kind() == StoreErrorKind::Rejected)
}

fn failed(action: &'static str) -> impl FnOnce(StoreError) -> StackError {
    move |error| StackError::Call { action, error }
}

/// Returns the first of `variables` that is set and not empty, else `default`.
fn from_environment(variables: [&str; 2], default: &str) -> String {
    let mut set = variables
        .into_iter()
        .filter_map(|variable| env::var(variable).ok());
    set.find(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}

impl IntoFuture for OpenOptions {
    type Output = Result<RateLimiter, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}
