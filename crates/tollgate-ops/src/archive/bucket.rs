//! Archives in a bucket of S3, or of a storage that speaks its protocol.

use aws_types::SdkConfig;

use super::object::Object;
use crate::{
    error::OpsError,
    s3::{S3Bucket, is_bucket_name},
};

/// A bucket, and the beginning of the names of its objects.
#[derive(Clone, Debug)]
pub struct ArchiveBucket {
    bucket: S3Bucket,
    prefix: String,
}

impl ArchiveBucket {
    /// Reads `s3://bucket` or `s3://bucket/prefix`. Region, credentials and HTTP client are those of
    /// `config`. The endpoint is `endpoint`; else that which the SDK's own variables and profiles name
    /// for S3 (`AWS_ENDPOINT_URL_S3`) or for all services; else that of AWS.
    ///
    /// Returns `None` if `url` has another form, or a name that no bucket can have.
    pub fn parse(url: &str, config: &SdkConfig, endpoint: Option<&str>) -> Option<Self> {
        let (name, prefix) = split(url)?;
        let bucket = S3Bucket::new(&name, config, endpoint)?;
        Some(Self { bucket, prefix })
    }

    /// Stores an object. An object of the same name is replaced.
    pub(super) async fn put(&self, object: Object) -> Result<(), OpsError> {
        let key = match &*self.prefix {
            "" => object.path,
            prefix => format!("{prefix}/{}", object.path),
        };
        let (content, encoding) = ("application/x-ndjson", Some("gzip"));
        self.bucket.put(&key, content, encoding, object.bytes).await
    }
}

/// Splits an URL into the name of a bucket, and a prefix without slashes at its ends. Both have only
/// letters that mean themselves in an address.
fn split(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/=".contains(&byte);
    let steps = prefix.split('/');
    let is_path = prefix.is_empty()
        || steps
            .into_iter()
            .all(|step| !["", ".", ".."].contains(&step));
    let fits = is_bucket_name(name) && is_path && prefix.bytes().all(is_plain);
    fits.then(|| (name.to_owned(), prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_bucket_and_a_prefix() {
        let of = |url| split(url).map(|(name, prefix)| format!("{name} {prefix}"));
        assert_eq!(of("s3://my-bucket"), Some("my-bucket ".into()));
        assert_eq!(of("s3://my.bucket/a/b=1/"), Some("my.bucket a/b=1".into()));
        for wrong in [
            "my-bucket",
            "s3://",
            "s3://ab",
            "s3://My-bucket",
            "s3://my-bucket/a b",
            "s3://my-bucket/a//b",
            "s3://my-bucket/../b",
            "s3://my-bucket/a?b",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
