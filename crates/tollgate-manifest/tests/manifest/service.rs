//! A service without a table: the limits of a file, and of the file as it changes.

use std::{env, fs, path::PathBuf, process, time::Duration};

use tokio::sync::mpsc;
use tollgate::{Error, RateLimiter};
use tollgate_manifest::{Manifest, ManifestEvent, install, watch};

/// A file that is removed at the end.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("tollgate-manifest-{name}-{}.yaml", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn capacity(limiter: &RateLimiter, entity: &str, resource: &str) -> Option<u64> {
    let resolved = limiter.config().resolve(entity, resource).await.unwrap()?;
    Some(resolved.limits[0].capacity())
}

#[tokio::test]
async fn a_limiter_in_memory_has_the_limits_of_a_manifest_and_of_the_next_one() {
    let limiter = RateLimiter::memory();
    let text = "\
namespace: default
system: {limits: {rpm: {capacity: 1}}}
resources: {search: {disabled: true}, api: {limits: {rpm: {capacity: 2}}}}
entities: {user-1: {resources: {api: {limits: {rpm: {capacity: 3}}}}}}
";
    let first = Manifest::parse("limits.yaml", text).unwrap();
    install(&limiter, None, &first).await.unwrap();
    assert_eq!(capacity(&limiter, "user-1", "api").await, Some(3));
    assert_eq!(capacity(&limiter, "user-2", "api").await, Some(2));
    assert_eq!(capacity(&limiter, "user-2", "other").await, Some(1));
    let refused = limiter.acquire("user-1", "search").await.unwrap_err();
    assert!(matches!(refused, Error::Disabled(_)), "{refused}");

    let text = "\
namespace: default
system: {limits: {rpm: {capacity: 1}}}
resources: {search: {limits: {rpm: {capacity: 9}}}}
";
    let second = Manifest::parse("limits.yaml", text).unwrap();
    install(&limiter, Some(&first), &second).await.unwrap();
    assert_eq!(capacity(&limiter, "user-1", "api").await, Some(1));
    assert_eq!(capacity(&limiter, "user-1", "search").await, Some(9));
    limiter.acquire("user-1", "search").await.unwrap().commit();
}

#[tokio::test]
async fn a_wrong_file_keeps_the_old_limits_and_is_told_once() {
    let good = |capacity: u64| {
        format!("namespace: default\nsystem: {{limits: {{rpm: {{capacity: {capacity}}}}}}}\n")
    };
    let file = TestFile::new("watch", &good(1));
    let limiter = RateLimiter::memory();
    let manifest = Manifest::read(&file.0).unwrap();
    install(&limiter, None, &manifest).await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let watching = watch(
        limiter.clone(),
        file.0.clone(),
        manifest,
        Duration::from_millis(5),
        move |event| {
            let _ = tell.send(event);
        },
    );
    let watching = tokio::spawn(watching);

    fs::write(
        &file.0,
        "namespace: default\nsystem: {limits: {rpm: {capcity: 5}}}\n",
    )
    .unwrap();
    // An editor may write a file in two steps: the last fault counts.
    loop {
        let Some(ManifestEvent::Refused(error)) = told.recv().await else {
            panic!("the file is wrong");
        };
        if error.to_string().contains("capcity") {
            break;
        }
    }
    assert_eq!(capacity(&limiter, "user-1", "api").await, Some(1));

    fs::write(&file.0, good(7)).unwrap();
    loop {
        match told.recv().await {
            Some(ManifestEvent::Installed(_)) => break,
            // The file was read while it was empty.
            Some(ManifestEvent::Refused(error)) => {
                assert!(
                    !error.to_string().contains("capcity"),
                    "told twice: {error}"
                );
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(capacity(&limiter, "user-1", "api").await, Some(7));
    watching.abort();
}
