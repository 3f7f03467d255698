//! A bucket of S3, or of a storage that speaks its protocol.

use std::collections::BTreeMap;

use aws_types::{SdkConfig, service_config::ServiceConfigKey};

use super::{
    deletion,
    listing::{Listed, tags},
    path::{encoded, is_bucket_name},
    request::{Failed, Request, send},
};
use crate::{domain::host, error::OpsError, http_client::with_http_client};

/// A bucket of S3, or of a storage that speaks its protocol. Its calls are repeated if they fail,
/// for some minutes.
///
/// ```no_run
/// # async fn store(config: aws_types::SdkConfig) -> Result<(), tollgate_ops::OpsError> {
/// use tollgate_ops::s3::S3Bucket;
///
/// if let Some(bucket) = S3Bucket::new("releases", &config, None) {
///     bucket.put("functions.zip", "application/zip", None, vec![1, 2, 3]).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct S3Bucket {
    config: Box<SdkConfig>,
    name: String,
    /// The endpoint, if it is not that of AWS. Names of buckets are then in the path.
    endpoint: Option<String>,
}

impl S3Bucket {
    /// Returns the bucket of this name. Region, credentials and HTTP client are those of `config`. The
    /// endpoint is `endpoint`; else that which the code of the program gave `config`; else that which
    /// the SDK's own variables and profiles name for S3 (`AWS_ENDPOINT_URL_S3`) or for all services;
    /// else that of AWS.
    ///
    /// Returns `None` if no bucket can have this name.
    pub fn new(name: &str, config: &SdkConfig, endpoint: Option<&str>) -> Option<Self> {
        let endpoint = endpoint.map(str::to_owned).or_else(|| configured(config));
        let endpoint = endpoint.map(|url| url.trim_end_matches('/').to_owned());
        is_bucket_name(name).then(|| Self {
            config: Box::new(with_http_client(config)),
            name: name.to_owned(),
            endpoint,
        })
    }

    /// Returns the bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stores an object. An object of the same key is replaced.
    ///
    /// # Errors
    /// [`OpsError::Upload`]. Then nobody knows if the object is stored: store it again.
    pub async fn put(
        &self,
        key: &str,
        content_type: &'static str,
        content_encoding: Option<&'static str>,
        bytes: Vec<u8>,
    ) -> Result<(), OpsError> {
        let mut headers = vec![("content-type", content_type.to_owned())];
        headers.extend(content_encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
        let path = format!("/{}", encoded(key));
        let sent = self.send("PutObject", "PUT", &path, headers, bytes).await;
        sent.map(drop).map_err(|failed| OpsError::Upload {
            object: self.url(key),
            problem: failed.to_string(),
            source: Some(Box::new(failed)),
        })
    }

    /// Returns true if there is an object with this key that can be read.
    ///
    /// # Errors
    /// [`OpsError::Bucket`].
    pub async fn has(&self, key: &str) -> Result<bool, OpsError> {
        let path = format!("/{}", encoded(key));
        match self.send("HeadObject", "HEAD", &path, vec![], vec![]).await {
            Ok(_) => Ok(true),
            // Who may not list the bucket is told 403 if there is no object.
            Err(Failed::Refused {
                status: 403 | 404, ..
            }) => Ok(false),
            Err(failed) => Err(self.failed("read", &failed)),
        }
    }

    /// Deletes all objects in all versions, and returns their number. A bucket that does not exist has
    /// none. Two calls for each thousand.
    ///
    /// # Errors
    /// [`OpsError::Bucket`]. Then some objects may be deleted: call it again.
    pub async fn empty(&self) -> Result<u64, OpsError> {
        let mut count = 0;
        loop {
            let listed = self.send("ListObjectVersions", "GET", "/?versions", vec![], vec![]);
            let listed = match listed.await {
                Err(failed) if is_missing(&failed) => return Ok(count),
                listed => listed.map_err(|failed| self.failed("listed", &failed))?,
            };
            let listed = Listed::parse(&listed)
                .ok_or_else(|| self.failed("listed", &Failed::from("no list was answered")))?;
            if listed.is_empty() {
                return Ok(count);
            }
            self.delete_all(&listed)
                .await
                .map_err(|failed| self.failed("emptied", &failed))?;
            count += listed.objects();
        }
    }

    /// Deletes the objects of a list.
    async fn delete_all(&self, listed: &Listed) -> Result<(), Failed> {
        let body = deletion::request(listed);
        let headers = vec![
            ("content-type", "application/xml".to_owned()),
            ("x-amz-checksum-sha256", deletion::checksum(&body)),
        ];
        let answer = self.send("DeleteObjects", "POST", "/?delete", headers, body);
        match deletion::failure(&answer.await?) {
            Some(problem) => Err(Failed::from(&*problem)),
            None => Ok(()),
        }
    }

    /// Returns the bucket's tags.
    ///
    /// # Errors
    /// [`OpsError::Bucket`].
    pub async fn tags(&self) -> Result<BTreeMap<String, String>, OpsError> {
        let answer = self.send("GetBucketTagging", "GET", "/?tagging", vec![], vec![]);
        match answer.await {
            Ok(answer) => Ok(tags(&answer)),
            // There is no set of tags.
            Err(failed) if is_missing(&failed) => Ok(BTreeMap::new()),
            Err(failed) => Err(self.failed("read", &failed)),
        }
    }

    /// Returns true if the bucket exists.
    ///
    /// # Errors
    /// [`OpsError::Bucket`].
    pub async fn exists(&self) -> Result<bool, OpsError> {
        let path = "/?list-type=2&max-keys=1";
        match self
            .send("ListObjectsV2", "GET", path, vec![], vec![])
            .await
        {
            Err(failed) if is_missing(&failed) => Ok(false),
            Err(failed) => Err(self.failed("listed", &failed)),
            Ok(_) => Ok(true),
        }
    }

    /// Deletes the bucket, which must be empty. A bucket that does not exist is a success.
    ///
    /// # Errors
    /// [`OpsError::Bucket`].
    pub async fn delete(&self) -> Result<(), OpsError> {
        match self
            .send("DeleteBucket", "DELETE", "/", vec![], vec![])
            .await
        {
            Err(failed) if !is_missing(&failed) => Err(self.failed("deleted", &failed)),
            _ => Ok(()),
        }
    }

    fn failed(&self, done: &'static str, failed: &Failed) -> OpsError {
        OpsError::Bucket {
            bucket: self.name.clone(),
            done,
            problem: failed.to_string(),
        }
    }

    /// Returns the name of an object for people.
    fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    async fn send(
        &self,
        action: &'static str,
        method: &'static str,
        path: &str,
        headers: Vec<(&'static str, String)>,
        bytes: Vec<u8>,
    ) -> Result<String, Failed> {
        let region = self.config.region().ok_or("no region is set")?;
        let (endpoint, path) = self.address(region.as_ref(), path);
        let request = Request {
            action,
            method,
            endpoint,
            path,
            region: region.to_string(),
            headers,
            bytes,
        };
        send(&self.config, request).await
    }

    /// Returns the endpoint, and the path there of a path in the bucket.
    fn address(&self, region: &str, path: &str) -> (String, String) {
        let name = &self.name;
        let host = host("s3", &self.config, region);
        match &self.endpoint {
            Some(endpoint) => (endpoint.clone(), format!("/{name}{path}")),
            // The certificates of S3 have one level of names.
            None if name.contains('.') => (format!("https://{host}"), format!("/{name}{path}")),
            None => (format!("https://{name}.{host}"), path.to_owned()),
        }
    }
}

fn is_missing(failed: &Failed) -> bool {
    matches!(failed, Failed::Refused { status: 404, .. })
}

/// Returns the endpoint that the program, variables or profiles name.
fn configured(config: &SdkConfig) -> Option<String> {
    let all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return all();
    }
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key
        .ok()
        .and_then(|key| config.service_config()?.load_config(key));
    own.or_else(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_addresses_of_their_storage() {
        let config = SdkConfig::builder().build();
        let address = |name, endpoint, region| {
            let bucket = S3Bucket::new(name, &config, endpoint).unwrap();
            let (endpoint, path) = bucket.address(region, "/key");
            endpoint + &path
        };
        assert_eq!(
            address("logs", None, "eu-west-1"),
            "https://logs.s3.eu-west-1.amazonaws.com/key"
        );
        assert_eq!(
            address("my.logs", None, "cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn/my.logs/key"
        );
        assert_eq!(
            address("logs", Some("http://127.0.0.1:9000/"), "eu-west-1"),
            "http://127.0.0.1:9000/logs/key"
        );
        assert!(S3Bucket::new("No Bucket", &config, None).is_none());
    }
}
