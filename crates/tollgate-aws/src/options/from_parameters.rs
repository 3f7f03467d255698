//! The options of a stack that exists.

use std::{collections::BTreeMap, str::FromStr};

use super::{
    stack_options::StackOptions,
    tags,
    values::{Architecture, FunctionCode, SnapshotWindow, StreamStart},
};

/// A parameter of a stack whose value no option makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stack's parameter {parameter} is {value:?}, which no option makes")]
#[non_exhaustive]
pub struct UnknownParameterValue {
    /// The parameter.
    pub parameter: &'static str,
    /// Its value.
    pub value: String,
}

impl StackOptions {
    /// Returns the options of a stack with these parameters and tags. A parameter that is missing has
    /// its default. The format of policy names is not known, because no parameter has it.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use tollgate_aws::StackOptions;
    ///
    /// let parameters = BTreeMap::from([("LogRetentionDays".to_owned(), "7".to_owned())]);
    /// let options = StackOptions::from_stack(&parameters, &BTreeMap::new())?;
    /// assert_eq!(options, StackOptions::new().log_retention_days(7));
    /// # Ok::<(), tollgate_aws::UnknownParameterValue>(())
    /// ```
    ///
    /// # Errors
    /// [`UnknownParameterValue`] if somebody else has given a parameter a value that no option makes.
    pub fn from_stack(
        parameters: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Self, UnknownParameterValue> {
        let read = Reader { parameters };
        let default = Self::new();
        let timeout = read.or("LambdaTimeout", default.lambda_timeout)?;
        let text = |parameter| read.text(parameter).map(str::to_owned);
        let boundary = text("PermissionBoundary").or_else(|| text("PermissionBoundaryName"));
        let windows = match read.text("SnapshotWindows") {
            Some(_) => read.words("SnapshotWindows", window)?,
            None => default.snapshot_windows.clone(),
        };
        Ok(Self {
            snapshot_windows: windows,
            usage_retention_days: read.or("SnapshotRetentionDays", default.usage_retention_days)?,
            audit_retention_days: default.audit_retention_days,
            enable_aggregator: read.or("EnableAggregator", default.enable_aggregator)?,
            enable_provisioner: read.or("EnableProvisioner", default.enable_provisioner)?,
            pitr_recovery_days: read.maybe("PITRRecoveryPeriodDays")?,
            enable_deletion_protection: read.or(
                "EnableDeletionProtection",
                default.enable_deletion_protection,
            )?,
            enable_audit_archival: read.or("EnableAuditArchival", default.enable_audit_archival)?,
            audit_archive_glacier_days: read.or(
                "AuditArchiveGlacierTransitionDays",
                default.audit_archive_glacier_days,
            )?,
            audit_archive_expiration_days: read.maybe("AuditArchiveExpirationDays")?,
            log_retention_days: read.or("LogRetentionDays", default.log_retention_days)?,
            lambda_timeout: timeout,
            lambda_memory: read.or("LambdaMemorySize", default.lambda_memory)?,
            enable_tracing: read.or("EnableTracing", default.enable_tracing)?,
            enable_alarms: read.or("EnableAlarms", default.enable_alarms)?,
            enable_idle_alarm: read.or("EnableIdleAlarm", default.enable_idle_alarm)?,
            alarm_sns_topic: text("AlarmSNSTopicArn"),
            lambda_duration_threshold_pct: read.percent(timeout, &default)?,
            create_iam: read.or("EnableIAM", default.create_iam)?,
            create_iam_roles: read.or("EnableIAMRoles", default.create_iam_roles)?,
            aggregator_role_arn: text("AggregatorRoleArn"),
            permission_boundary: boundary,
            role_name_format: text("RoleNameFormat"),
            policy_name_format: None,
            tags: tags::of_user(tags),
            function_code: text("FunctionCodeKey").map(|key| FunctionCode {
                bucket: text("FunctionCodeBucket"),
                key,
            }),
            architecture: read.one_of("FunctionArchitecture", Architecture::ALL, |value| {
                value.as_str()
            })?,
            stream_start: read.one_of("StreamStartingPosition", StreamStart::ALL, |value| {
                value.as_str()
            })?,
            python_indexes: read.or("EnablePythonIndexes", default.python_indexes)?,
        })
    }
}

/// Reads parameters. Empty values are missing.
struct Reader<'a> {
    parameters: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn text(&self, parameter: &str) -> Option<&str> {
        let value = self.parameters.get(parameter)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn maybe<T: FromStr>(
        &self,
        parameter: &'static str,
    ) -> Result<Option<T>, UnknownParameterValue> {
        let Some(value) = self.text(parameter) else {
            return Ok(None);
        };
        let read = value.parse();
        read.map(Some).map_err(|_| unknown(parameter, value))
    }

    fn or<T: FromStr>(
        &self,
        parameter: &'static str,
        default: T,
    ) -> Result<T, UnknownParameterValue> {
        Ok(self.maybe(parameter)?.unwrap_or(default))
    }

    fn words<T, C: FromIterator<T>>(
        &self,
        parameter: &'static str,
        read: fn(&str) -> Option<T>,
    ) -> Result<C, UnknownParameterValue> {
        let value = self.text(parameter).unwrap_or_default();
        let words = value.split(',').map(str::trim).map(read);
        words
            .collect::<Option<C>>()
            .ok_or_else(|| unknown(parameter, value))
    }

    /// Returns the value with this name, or the first one if the parameter is missing.
    fn one_of<T: Copy + Default>(
        &self,
        parameter: &'static str,
        all: [T; 2],
        name: fn(T) -> &'static str,
    ) -> Result<T, UnknownParameterValue> {
        let Some(value) = self.text(parameter) else {
            return Ok(T::default());
        };
        let found = all.into_iter().find(|one| name(*one) == value);
        found.ok_or_else(|| unknown(parameter, value))
    }

    /// Returns the alarm's threshold in percent of the timeout, rounded to a percent that is allowed.
    fn percent(&self, timeout: u32, default: &StackOptions) -> Result<u32, UnknownParameterValue> {
        let Some(threshold) = self.maybe::<u32>("LambdaDurationThreshold")? else {
            return Ok(default.lambda_duration_threshold_pct);
        };
        Ok((threshold / timeout.saturating_mul(10).max(1)).clamp(1, 100))
    }
}

fn window(word: &str) -> Option<SnapshotWindow> {
    let mut all = SnapshotWindow::ALL.into_iter();
    all.find(|window| window.as_str() == word)
}

fn unknown(parameter: &'static str, value: &str) -> UnknownParameterValue {
    let value = value.to_owned();
    UnknownParameterValue { parameter, value }
}
