//! `examples/hot_reload.rs`.

#[path = "../../../examples/hot_reload.rs"]
#[allow(dead_code, reason = "its main")]
mod example;

use example::RoutesFile;
use http::Method;
use tollgate::layer::RoutesHandle;
use tollgate_manifest::{Manifest, install};

use super::status;
use crate::world::Remote;

/// A temporary file.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let scratch =
            Self(std::env::temp_dir().join(format!("tollgate-{name}-{}.toml", std::process::id())));
        scratch.write(text);
        scratch
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_file_takes_effect_and_a_bad_one_does_not() {
    // The limiter's clock stands still, so nothing is refilled even on a slow machine.
    let Remote {
        limiter,
        engine: _engine,
        proxy: _proxy,
    } = Remote::start().await;
    let manifest = Manifest::parse("limits.yaml", example::LIMITS).unwrap();
    install(&limiter, None, &manifest).await.unwrap();
    let scratch = Scratch::new("hot-reload", example::ROUTES);
    let (mut file, routes) = RoutesFile::open(scratch.0.clone()).unwrap();
    let handle = RoutesHandle::new(routes);
    let app = example::app(&limiter, &handle);
    let ask = async |path: &'static str| status(&app, Method::GET, path, Some("a")).await;

    assert_eq!(
        [
            ask("/healthz").await,
            ask("/api/ping").await,
            ask("/reports/a").await
        ],
        [200; 3]
    );
    assert_eq!(
        [ask("/reports/a").await, ask("/reports/b").await],
        [200, 429]
    );
    assert!(!file.reload(&handle), "nothing has changed");

    // After a bad file the old routes stay in effect.
    for bad in [
        "",
        "nonsense",
        "[otherwise]\nunlimited = false",
        &example::ROUTES.replace("/reports", "reports"),
    ] {
        scratch.write(bad);
        assert!(!file.reload(&handle), "{bad}");
        assert_eq!([ask("/healthz").await, ask("/reports/c").await], [200, 429]);
    }
    std::fs::remove_file(&scratch.0).unwrap();
    assert!(!file.reload(&handle));
    assert_eq!(ask("/reports/c").await, 429);

    scratch.write(&example::ROUTES.replace("prefix = \"/reports\"", "prefix = \"/elsewhere\""));
    assert!(file.reload(&handle));
    // The path now belongs to [otherwise], which has used one of its five tokens.
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(ask("/reports/c").await, expected);
    }
    assert_eq!(ask("/healthz").await, 200);

    // The limits are in a file of their own.
    let more = example::LIMITS.replace(
        "rpm: {capacity: 2}",
        "rpm: {capacity: 2}\n  api:\n    disabled: true",
    );
    let more = Manifest::parse("limits.yaml", &more).unwrap();
    install(&limiter, Some(&manifest), &more).await.unwrap();
    assert_eq!(ask("/api/ping").await, 403);
}

#[test]
fn a_mistake_in_the_file_is_reported() {
    let limits = "limits = [{ name = \"rpm\", capacity = 5 }]";
    let otherwise = "[otherwise]\nresource = \"api\"\n".to_owned();
    assert!(example::parse(&otherwise).is_ok());
    assert!(example::parse("[otherwise]\nunlimited = true").is_ok());
    let bad = [
        "[[route]]\npath = \"/a\"\nunlimited = true\n".to_owned(),
        "[otherwise]\n".to_owned(),
        format!("{otherwise}{limits}\n"),
        format!("{otherwise}unlimited = true\n"),
        format!("{otherwise}[[route]]\nunlimited = true\n"),
        format!("{otherwise}[[route]]\npath = \"/a\"\nprefix = \"/b\"\nunlimited = true\n"),
        format!("{otherwise}[[route]]\npath = \"/a\"\n"),
        format!("{otherwise}[[route]]\npath = \"/a\"\nmethod = \"GET\"\nunlimited = true\n"),
        format!("{otherwise}[[route]]\npath = \"/a\"\nresource = \"b\"\nunlimited = true\n"),
        format!("{otherwise}path = \"/a\"\n"),
        format!("{otherwise}[[route]]\npath = \"/a\"\nmethods = [\"GE T\"]\nunlimited = true\n"),
        format!(
            "{otherwise}[[route]]\nprefix = \"/a\"\nunlimited = true\n[[route]]\npath = \"/a/b\"\nunlimited = true\n"
        ),
        format!("{otherwise}\n[[routes]]\npath = \"/a\"\nunlimited = true\n"),
    ];
    for text in bad {
        assert!(example::parse(&text).is_err(), "{text}");
    }
}
