//! Archives in a bucket of S3, or of a storage that speaks its protocol.

use aws_types::{SdkConfig, service_config::ServiceConfigKey};

use super::{
    object::Object,
    put::{Failed, Put, put},
};
use crate::error::OpsError;

/// A bucket, and the beginning of the names of its objects.
#[derive(Clone, Debug)]
pub struct ArchiveBucket {
    config: Box<SdkConfig>,
    name: String,
    prefix: String,
    /// The endpoint, if it is not that of AWS. Names of buckets are then in the path.
    endpoint: Option<String>,
}

impl ArchiveBucket {
    /// Reads `s3://bucket` or `s3://bucket/prefix`. Region, credentials and HTTP client are those of
    /// `config`. The endpoint is `endpoint`; else that which the SDK's own variables and profiles name
    /// for S3 (`AWS_ENDPOINT_URL_S3`) or for all services; else that of AWS.
    ///
    /// Returns `None` if `url` has another form, or a name that no bucket can have.
    pub fn parse(url: &str, config: &SdkConfig, endpoint: Option<&str>) -> Option<Self> {
        let (name, prefix) = split(url)?;
        let endpoint = endpoint.map(str::to_owned).or_else(|| configured(config));
        let endpoint = endpoint.map(|url| url.trim_end_matches('/').to_owned());
        Some(Self {
            config: Box::new(config.clone()),
            name,
            prefix,
            endpoint,
        })
    }

    /// Stores an object. An object of the same name is replaced.
    pub(super) async fn put(&self, object: Object) -> Result<(), OpsError> {
        let key = match &*self.prefix {
            "" => object.path,
            prefix => format!("{prefix}/{}", object.path),
        };
        let told = format!("s3://{}/{key}", self.name);
        let failed = |failed: Failed| OpsError::Upload {
            object: told.clone(),
            problem: failed.problem,
            source: failed.source,
        };
        let region = self
            .config
            .region()
            .map(|region| region.as_ref().to_owned());
        let region = region.ok_or_else(|| failed("no region is set".into()))?;
        let (endpoint, path) = self.address(&region, &key);
        let put_object = Put {
            endpoint,
            path,
            region,
            bytes: object.bytes,
        };
        put(&self.config, put_object).await.map_err(failed)
    }

    /// Returns the endpoint and the path of an object.
    fn address(&self, region: &str, key: &str) -> (String, String) {
        let name = &self.name;
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        match &self.endpoint {
            Some(endpoint) => (endpoint.clone(), format!("/{name}/{key}")),
            // The certificates of S3 have one level of names.
            None if name.contains('.') => (
                format!("https://s3.{region}.{domain}"),
                format!("/{name}/{key}"),
            ),
            None => (
                format!("https://{name}.s3.{region}.{domain}"),
                format!("/{key}"),
            ),
        }
    }
}

/// Splits an URL into the name of a bucket, and a prefix without slashes at its ends. Both have only
/// letters that mean themselves in an address.
fn split(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let is_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/=".contains(&byte);
    let fits = (3..=63).contains(&name.len()) && name.bytes().all(is_name);
    let steps = prefix.split('/');
    let is_path = prefix.is_empty()
        || steps
            .into_iter()
            .all(|step| !["", ".", ".."].contains(&step));
    (fits && is_path && prefix.bytes().all(is_plain)).then(|| (name.to_owned(), prefix.to_owned()))
}

/// Returns the endpoint that variables or profiles name.
fn configured(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key
        .ok()
        .and_then(|key| config.service_config()?.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
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

    #[test]
    fn objects_have_the_addresses_of_their_storage() {
        let config = SdkConfig::builder().build();
        let address = |url, endpoint, region| {
            let bucket = ArchiveBucket::parse(url, &config, endpoint).unwrap();
            let (endpoint, path) = bucket.address(region, "key");
            endpoint + &path
        };
        assert_eq!(
            address("s3://logs", None, "eu-west-1"),
            "https://logs.s3.eu-west-1.amazonaws.com/key"
        );
        assert_eq!(
            address("s3://my.logs", None, "cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn/my.logs/key"
        );
        assert_eq!(
            address("s3://logs", Some("http://127.0.0.1:9000/"), "eu-west-1"),
            "http://127.0.0.1:9000/logs/key"
        );
    }
}
