//! The options of a stack.

use std::collections::{BTreeMap, BTreeSet};

use super::values::{Architecture, FunctionCode, SnapshotWindow, StreamStart};

/// The options of a stack: what it has, how long it keeps data, how its parts are named.
///
/// | option | default | allowed |
/// |---|---|---|
/// | [`snapshot_windows`](Self::snapshot_windows) | hourly, daily | at least one |
/// | [`usage_retention_days`](Self::usage_retention_days) | 90 | 1 to 3650 |
/// | [`audit_retention_days`](Self::audit_retention_days) | 90 | 1 to 3650 |
/// | [`enable_aggregator`](Self::enable_aggregator) | true | |
/// | [`enable_provisioner`](Self::enable_provisioner) | true | |
/// | [`pitr_recovery_days`](Self::pitr_recovery_days) | that of AWS, 35 | 1 to 35 |
/// | [`enable_deletion_protection`](Self::enable_deletion_protection) | **true** | |
/// | [`enable_audit_archival`](Self::enable_audit_archival) | true | |
/// | [`audit_archive_glacier_days`](Self::audit_archive_glacier_days) | 90 | 1 to 3650 |
/// | [`audit_archive_expiration_days`](Self::audit_archive_expiration_days) | never | 1 to 3650, after the days above |
/// | [`log_retention_days`](Self::log_retention_days) | 30 | [`LOG_RETENTION_DAYS`](super::LOG_RETENTION_DAYS) |
/// | [`lambda_timeout`](Self::lambda_timeout) | 60 s | 1 to 900 |
/// | [`lambda_memory`](Self::lambda_memory) | **128 MiB** | 128 to 3008 |
/// | [`enable_tracing`](Self::enable_tracing) | false | |
/// | [`enable_alarms`](Self::enable_alarms) | true | |
/// | [`enable_idle_alarm`](Self::enable_idle_alarm) | true | |
/// | [`alarm_sns_topic`](Self::alarm_sns_topic) | none | ARN of an SNS topic |
/// | [`lambda_duration_threshold_pct`](Self::lambda_duration_threshold_pct) | 80 | 1 to 100 |
/// | [`create_iam`](Self::create_iam) | true | |
/// | [`create_iam_roles`](Self::create_iam_roles) | false | needs `create_iam` |
/// | [`aggregator_role_arn`](Self::aggregator_role_arn) | the stack's own role | ARN of an IAM role |
/// | [`permission_boundary`](Self::permission_boundary) | none | name or ARN of a managed policy |
/// | [`role_name_format`](Self::role_name_format) | `{}` | one `{}`, at most 55 characters |
/// | [`policy_name_format`](Self::policy_name_format) | `{}` | one `{}`, at most 120 characters |
/// | [`tag`](Self::tag) | none | at most 43, with `create_iam_roles` 41 |
/// | [`function_code`](Self::function_code) | none: no functions yet | |
/// | [`architecture`](Self::architecture) | arm64 | |
/// | [`stream_start`](Self::stream_start) | trim horizon | |
/// | [`python_indexes`](Self::python_indexes) | false | |
///
/// The names, ranges and defaults are those of zae-limiter, except the bold ones, and those that it
/// does not have: the expiration of archives, the idle alarm, and the last four rows. The table and the archive are
/// kept when the stack is deleted, and the table can always be restored to a point in time.
///
/// ```
/// use tollgate::model::StackName;
/// use tollgate_aws::{InvalidOption, StackOptions};
///
/// let stack = StackName::new("rate-limits")?;
/// let options = StackOptions::new()
///     .alarm_sns_topic("arn:aws:sns:eu-central-1:111122223333:on-call")
///     .log_retention_days(90)
///     .tag("team", "platform");
/// let definition = options.for_stack(&stack)?;
/// assert!(definition.parameters().contains(&("LogRetentionDays", "90".to_owned())));
///
/// let error = options.lambda_memory(64).for_stack(&stack).unwrap_err();
/// assert_eq!(error.to_string(), "lambda_memory is 64: it must be between 128 and 3008");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing by themselves"]
pub struct StackOptions {
    pub(super) snapshot_windows: BTreeSet<SnapshotWindow>,
    pub(super) usage_retention_days: u32,
    pub(crate) audit_retention_days: u32,
    pub(super) enable_aggregator: bool,
    pub(super) enable_provisioner: bool,
    pub(super) pitr_recovery_days: Option<u32>,
    pub(super) enable_deletion_protection: bool,
    pub(super) enable_audit_archival: bool,
    pub(super) audit_archive_glacier_days: u32,
    pub(super) audit_archive_expiration_days: Option<u32>,
    pub(super) log_retention_days: u32,
    pub(super) lambda_timeout: u32,
    pub(super) lambda_memory: u32,
    pub(super) enable_tracing: bool,
    pub(super) enable_alarms: bool,
    pub(super) enable_idle_alarm: bool,
    pub(super) alarm_sns_topic: Option<String>,
    pub(super) lambda_duration_threshold_pct: u32,
    pub(super) create_iam: bool,
    pub(super) create_iam_roles: bool,
    pub(super) aggregator_role_arn: Option<String>,
    pub(super) permission_boundary: Option<String>,
    pub(super) role_name_format: Option<String>,
    pub(super) policy_name_format: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(crate) function_code: Option<FunctionCode>,
    pub(super) architecture: Architecture,
    pub(crate) stream_start: StreamStart,
    pub(crate) python_indexes: bool,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl StackOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            snapshot_windows: [SnapshotWindow::Hourly, SnapshotWindow::Daily].into(),
            usage_retention_days: 90,
            audit_retention_days: 90,
            enable_aggregator: true,
            enable_provisioner: true,
            pitr_recovery_days: None,
            enable_deletion_protection: true,
            enable_audit_archival: true,
            audit_archive_glacier_days: 90,
            audit_archive_expiration_days: None,
            log_retention_days: 30,
            lambda_timeout: 60,
            lambda_memory: 128,
            enable_tracing: false,
            enable_alarms: true,
            enable_idle_alarm: true,
            alarm_sns_topic: None,
            lambda_duration_threshold_pct: 80,
            create_iam: true,
            create_iam_roles: false,
            aggregator_role_arn: None,
            permission_boundary: None,
            role_name_format: None,
            policy_name_format: None,
            tags: BTreeMap::new(),
            function_code: None,
            architecture: Architecture::default(),
            stream_start: StreamStart::default(),
            python_indexes: false,
        }
    }
}

/// Usage, history and data.
impl StackOptions {
    /// Sets the lengths of the windows in which usage is counted.
    pub fn snapshot_windows(mut self, windows: impl IntoIterator<Item = SnapshotWindow>) -> Self {
        self.snapshot_windows = windows.into_iter().collect();
        self
    }

    /// Sets the number of days for which usage is kept after its window.
    pub fn usage_retention_days(mut self, days: u32) -> Self {
        self.usage_retention_days = days;
        self
    }

    /// Sets the number of days for which the history is kept in the table. The stack has no parameter
    /// for it: it belongs into the system's config of the namespace.
    pub fn audit_retention_days(mut self, days: u32) -> Self {
        self.audit_retention_days = days;
        self
    }

    /// Sets if expired events of the history are archived in S3. The aggregator does that.
    pub fn enable_audit_archival(mut self, enable: bool) -> Self {
        self.enable_audit_archival = enable;
        self
    }

    /// Sets the number of days after which archives move to Glacier Instant Retrieval. S3 does not move
    /// objects of less than 128 KB.
    pub fn audit_archive_glacier_days(mut self, days: u32) -> Self {
        self.audit_archive_glacier_days = days;
        self
    }

    /// Deletes archives after this number of days.
    pub fn audit_archive_expiration_days(mut self, days: u32) -> Self {
        self.audit_archive_expiration_days = Some(days);
        self
    }

    /// Keeps archives for ever, which is the default.
    pub fn without_audit_archive_expiration(mut self) -> Self {
        self.audit_archive_expiration_days = None;
        self
    }

    /// Sets the number of days to which the table can be restored.
    pub fn pitr_recovery_days(mut self, days: u32) -> Self {
        self.pitr_recovery_days = Some(days);
        self
    }

    /// Sets if DynamoDB refuses to delete the table. This is separate from the stack, which never
    /// deletes the table.
    pub fn enable_deletion_protection(mut self, enable: bool) -> Self {
        self.enable_deletion_protection = enable;
        self
    }

    /// Sets if the table has the indexes of zae-limiter's template: GSI2 with whole items, and five
    /// local indexes that nothing uses. Fixed when the table is created.
    ///
    /// Switch it on for a fleet whose Python processes call `get_resource_capacity` or read usage by
    /// resource, and for a stack that the Python CLI has made. Writes cost two write units instead of
    /// one. All other calls of Python clients work without it: none looks at the local indexes.
    pub fn python_indexes(mut self, enable: bool) -> Self {
        self.python_indexes = enable;
        self
    }
}

/// Functions and alarms.
impl StackOptions {
    /// Sets if the stack has the function that counts usage.
    pub fn enable_aggregator(mut self, enable: bool) -> Self {
        self.enable_aggregator = enable;
        self
    }

    /// Sets if the stack has the function that applies manifests of limits.
    pub fn enable_provisioner(mut self, enable: bool) -> Self {
        self.enable_provisioner = enable;
        self
    }

    /// Sets the code of the functions. Without code the stack has all parts but the functions.
    pub fn function_code(mut self, code: FunctionCode) -> Self {
        self.function_code = Some(code);
        self
    }

    /// Returns the bucket that [`function_code`](Self::function_code) names; `None` if the code is in
    /// the stack's own bucket, or if there is none.
    pub fn function_code_bucket(&self) -> Option<&str> {
        self.function_code.as_ref()?.bucket.as_deref()
    }

    /// Sets the processors for which the code is built.
    pub fn architecture(mut self, architecture: Architecture) -> Self {
        self.architecture = architecture;
        self
    }

    /// Sets the position from which the aggregator reads a stream for the first time. Fixed when the
    /// aggregator is created.
    pub fn stream_start(mut self, start: StreamStart) -> Self {
        self.stream_start = start;
        self
    }

    /// Sets the timeout of the aggregator, in seconds.
    pub fn lambda_timeout(mut self, seconds: u32) -> Self {
        self.lambda_timeout = seconds;
        self
    }

    /// Sets the memory of the aggregator, in MiB.
    pub fn lambda_memory(mut self, mebibytes: u32) -> Self {
        self.lambda_memory = mebibytes;
        self
    }

    /// Sets the number of days for which the logs of functions are kept.
    pub fn log_retention_days(mut self, days: u32) -> Self {
        self.log_retention_days = days;
        self
    }

    /// Sets if X-Ray traces the aggregator.
    pub fn enable_tracing(mut self, enable: bool) -> Self {
        self.enable_tracing = enable;
        self
    }

    /// Sets if the stack has alarms.
    pub fn enable_alarms(mut self, enable: bool) -> Self {
        self.enable_alarms = enable;
        self
    }

    /// Sets if the alarms include the one for an aggregator that sees no records, although the table
    /// is written to. Switch it off if other programs write much into the table, and on emulators
    /// that know no alarms on expressions.
    pub fn enable_idle_alarm(mut self, enable: bool) -> Self {
        self.enable_idle_alarm = enable;
        self
    }

    /// Sets the SNS topic that every alarm notifies.
    pub fn alarm_sns_topic(mut self, arn: impl Into<String>) -> Self {
        self.alarm_sns_topic = Some(arn.into());
        self
    }

    /// Lets alarms notify nobody, which is the default.
    pub fn without_alarm_sns_topic(mut self) -> Self {
        self.alarm_sns_topic = None;
        self
    }

    /// Sets the duration of the aggregator from which an alarm fires, in percent of its timeout.
    pub fn lambda_duration_threshold_pct(mut self, percent: u32) -> Self {
        self.lambda_duration_threshold_pct = percent;
        self
    }
}

/// IAM and names.
impl StackOptions {
    /// Sets if the stack has IAM policies and roles. Without them it has no provisioner, and an
    /// aggregator only with an [`aggregator_role_arn`](Self::aggregator_role_arn).
    pub fn create_iam(mut self, create: bool) -> Self {
        self.create_iam = create;
        self
    }

    /// Sets if the stack has roles for services, administrators and dashboards.
    pub fn create_iam_roles(mut self, create: bool) -> Self {
        self.create_iam_roles = create;
        self
    }

    /// Sets the role of the aggregator, which the stack then does not create.
    pub fn aggregator_role_arn(mut self, arn: impl Into<String>) -> Self {
        self.aggregator_role_arn = Some(arn.into());
        self
    }

    /// Gives the aggregator the stack's own role, which is the default.
    pub fn without_aggregator_role_arn(mut self) -> Self {
        self.aggregator_role_arn = None;
        self
    }

    /// Sets the permission boundary of every role: the name of a managed policy of the account, or an
    /// ARN.
    pub fn permission_boundary(mut self, policy: impl Into<String>) -> Self {
        self.permission_boundary = Some(policy.into());
        self
    }

    /// Gives roles no permission boundary, which is the default.
    pub fn without_permission_boundary(mut self) -> Self {
        self.permission_boundary = None;
        self
    }

    /// Sets the format of role names. Its `{}` stands for `{stack}-{component}`: with
    /// `PowerUserPB-{}` the role of services is `PowerUserPB-{stack}-app`.
    pub fn role_name_format(mut self, format: impl Into<String>) -> Self {
        self.role_name_format = Some(format.into());
        self
    }

    /// Sets the format of policy names, like [`role_name_format`](Self::role_name_format).
    pub fn policy_name_format(mut self, format: impl Into<String>) -> Self {
        self.policy_name_format = Some(format.into());
        self
    }

    /// Adds a tag of the stack, which CloudFormation gives to all its parts.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Removes a tag.
    pub fn without_tag(mut self, key: &str) -> Self {
        self.tags.remove(key);
        self
    }
}
