//! The buckets: archives of the history, and the code of the functions.

use super::{conditions::Condition, intrinsic::reference, section::Resource};
use crate::node::{Node, list, map};

/// The logical id of the bucket with archives.
pub(crate) const ARCHIVE: &str = "AuditArchiveBucket";

/// The logical id of the bucket with code.
pub(super) const CODE: &str = "CodeBucket";

const BUCKET: &str = "AWS::S3::Bucket";

/// Returns the bucket with archives. It is kept when the stack is deleted.
pub(super) fn archive() -> Resource {
    let transition = map([
        ("StorageClass", "GLACIER_IR".into()),
        (
            "TransitionInDays",
            reference("AuditArchiveGlacierTransitionDays"),
        ),
    ]);
    let expiration = reference("AuditArchiveExpirationDays");
    let rule = map([
        ("Id", "ToGlacier".into()),
        // The bucket of an adopted stack has the code of its functions too.
        ("Prefix", "audit/".into()),
        ("Status", "Enabled".into()),
        ("Transitions", list([transition])),
        (
            "ExpirationInDays",
            Condition::HasArchiveExpiration.only(expiration),
        ),
    ]);
    let properties = map([
        ("BucketEncryption", encryption()),
        ("PublicAccessBlockConfiguration", no_public_access()),
        ("LifecycleConfiguration", map([("Rules", list([rule]))])),
    ]);
    Resource::new(ARCHIVE, BUCKET, properties)
        .only_if(Condition::HasArchive)
        .kept()
}

/// Returns the bucket with the code of the functions. CloudFormation deletes only empty buckets, and
/// would fail with the stack half deleted: so it keeps this one, and whoever deletes the stack deletes it.
pub(super) fn code() -> Resource {
    let properties = map([
        ("BucketEncryption", encryption()),
        ("PublicAccessBlockConfiguration", no_public_access()),
    ]);
    Resource::new(CODE, BUCKET, properties)
        .only_if(Condition::HasCodeBucket)
        .kept()
}

fn encryption() -> Node {
    let rule = map([(
        "ServerSideEncryptionByDefault",
        map([("SSEAlgorithm", "AES256".into())]),
    )]);
    map([("ServerSideEncryptionConfiguration", list([rule]))])
}

fn no_public_access() -> Node {
    map([
        ("BlockPublicAcls", true.into()),
        ("BlockPublicPolicy", true.into()),
        ("IgnorePublicAcls", true.into()),
        ("RestrictPublicBuckets", true.into()),
    ])
}
