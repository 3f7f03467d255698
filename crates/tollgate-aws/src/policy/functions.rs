//! The policies of the functions' roles.

use super::{
    document::{PolicyDocument, Statement},
    keys::{ENTITIES, TABLE_ITEMS},
    resource::TableResource,
};
use crate::node::{Node, list, map};

/// The calls with which Lambda reads a stream for a function.
const FOLLOW: &[&str] = &[
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:DescribeStream",
    "dynamodb:ListStreams",
];

/// The parts of a stack that its functions use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionResources {
    table: TableResource,
    stream: Node,
    dead_letters: Node,
    archived_objects: Node,
}

impl FunctionResources {
    /// The parts with these ARNs: the table, its stream, the queue of batches that cannot be counted,
    /// the bucket of archives.
    pub fn new(table: &str, stream: &str, dead_letters: &str, archive: &str) -> Self {
        Self {
            table: TableResource::new(table),
            stream: stream.into(),
            dead_letters: dead_letters.into(),
            archived_objects: format!("{archive}/audit/*").into(),
        }
    }

    /// The parts of the template.
    pub(crate) fn in_template() -> Self {
        let attribute = |part: &str, name: &str| map([("Fn::GetAtt", list([part, name]))]);
        Self {
            table: TableResource::in_template(),
            stream: attribute("RateLimitsTable", "StreamArn"),
            dead_letters: attribute("AggregatorDLQ", "Arn"),
            archived_objects: map([("Fn::Sub", "${AuditArchiveBucket.Arn}/audit/*".into())]),
        }
    }

    /// Returns the policy of the aggregator: reads, writes snapshots of usage, which are items of
    /// entities, follows the stream, and sends batches that cannot be counted to their queue.
    pub fn aggregator(&self) -> PolicyDocument {
        let on = |sid, actions: &'static [&'static str], resource: &Node| Statement {
            sid,
            actions,
            resources: vec![resource.clone()],
            leading_keys: &[],
        };
        PolicyDocument {
            statements: vec![
                self.table
                    .table("Read", &["dynamodb:BatchGetItem", "dynamodb:Query"], &[]),
                self.table
                    .table("Count", &["dynamodb:UpdateItem"], &[ENTITIES, TABLE_ITEMS]),
                on("Follow", FOLLOW, &self.stream),
                on("SetAside", &["sqs:SendMessage"], &self.dead_letters),
            ],
        }
    }

    /// Returns the policy of the aggregator for its archive.
    pub fn archive(&self) -> PolicyDocument {
        PolicyDocument {
            statements: vec![Statement {
                sid: "Archive",
                actions: &["s3:PutObject"],
                resources: vec![self.archived_objects.clone()],
                leading_keys: &[],
            }],
        }
    }

    /// Returns the policy of the provisioner: reads and writes all data, and does not change the
    /// table's settings. It scans the table for all buckets if a limit of the system becomes soft.
    pub fn provisioner(&self) -> PolicyDocument {
        PolicyDocument {
            statements: vec![
                self.table.items(
                    "Read",
                    &[
                        "dynamodb:GetItem",
                        "dynamodb:BatchGetItem",
                        "dynamodb:Query",
                    ],
                    &[],
                ),
                self.table.table("Scan", &["dynamodb:Scan"], &[]),
                self.table.table(
                    "Write",
                    &[
                        "dynamodb:PutItem",
                        "dynamodb:UpdateItem",
                        "dynamodb:DeleteItem",
                    ],
                    &[],
                ),
            ],
        }
    }
}

/// Returns the policy for a function's log, by the ARN of its log group.
pub(crate) fn logging(group: Node) -> PolicyDocument {
    PolicyDocument {
        statements: vec![Statement {
            sid: "Log",
            actions: &["logs:CreateLogStream", "logs:PutLogEvents"],
            resources: vec![group],
            leading_keys: &[],
        }],
    }
}

/// Returns the policy for traces, which X-Ray has for all resources only.
pub(crate) fn tracing() -> PolicyDocument {
    PolicyDocument {
        statements: vec![Statement {
            sid: "Trace",
            actions: &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            resources: vec!["*".into()],
            leading_keys: &[],
        }],
    }
}
