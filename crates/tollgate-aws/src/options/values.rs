//! Values of options.

/// The length of the windows of usage snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SnapshotWindow {
    /// An hour.
    Hourly,
    /// A day, UTC.
    Daily,
    /// A calendar month, UTC.
    Monthly,
}

impl SnapshotWindow {
    /// All lengths.
    pub const ALL: [Self; 3] = [Self::Hourly, Self::Daily, Self::Monthly];

    /// Returns the word for it in the function's environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
        }
    }
}

/// The processors on which the functions run. Their code is built for one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// Graviton: a fifth cheaper.
    #[default]
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// Both architectures.
    pub const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// Returns Lambda's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// The position from which the aggregator reads the stream when its mapping is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamStart {
    /// The oldest record, of up to 24 hours ago. Usage between the creation of the table and that of
    /// the function is counted too.
    #[default]
    TrimHorizon,
    /// The next record: another aggregator has counted the older ones.
    Latest,
}

impl StreamStart {
    /// Both positions.
    pub const ALL: [Self; 2] = [Self::TrimHorizon, Self::Latest];

    /// Returns Lambda's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
        }
    }
}

/// The zip file with the code of the functions, in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCode {
    pub(crate) bucket: Option<String>,
    pub(crate) key: String,
}

impl FunctionCode {
    /// An object of the stack's own code bucket, which the stack's output `CodeBucketName` names.
    ///
    /// Give every content its own key: the functions change when the key changes.
    pub fn in_stack(key: impl Into<String>) -> Self {
        Self {
            bucket: None,
            key: key.into(),
        }
    }

    /// An object of another bucket in the same region. The stack makes no code bucket.
    pub fn in_bucket(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: Some(bucket.into()),
            key: key.into(),
        }
    }
}
