//! Compiles and runs the examples of the README and of the guide, which use more crates than
//! `tollgate` depends on.
#![cfg(doctest)]

/// Declares one item per page, so that rustdoc runs the examples of the page as tests.
macro_rules! pages {
    ($($page:ident: $file:literal,)*) => {$(
        #[doc = include_str!(concat!("../../../", $file))]
        struct $page;
    )*};
}

pages! {
    Readme: "README.md",
    Alerts: "docs/guide/alerts.md",
    Answers: "docs/guide/answers.md",
    Aws: "docs/guide/aws.md",
    Blocking: "docs/guide/blocking.md",
    Concepts: "docs/guide/concepts.md",
    Configuration: "docs/guide/configuration.md",
    Cookbook: "docs/guide/cookbook.md",
    FailureModes: "docs/guide/failure-modes.md",
    Functions: "docs/guide/functions.md",
    Hierarchy: "docs/guide/hierarchy.md",
    Keys: "docs/guide/keys.md",
    LimitsAsCode: "docs/guide/limits-as-code.md",
    LoadTests: "docs/guide/load-tests.md",
    Migrating: "docs/guide/migrating.md",
    Namespaces: "docs/guide/namespaces.md",
    Operating: "docs/guide/operating.md",
    PerformanceModes: "docs/guide/performance-modes.md",
    Production: "docs/guide/production.md",
    Quotas: "docs/guide/quotas.md",
    Routes: "docs/guide/routes.md",
    Security: "docs/guide/security.md",
    Settlement: "docs/guide/settlement.md",
    Shadow: "docs/guide/shadow.md",
    SharingATableWithPython: "docs/guide/sharing-a-table-with-python.md",
    Stack: "docs/guide/stack.md",
    StoredLimits: "docs/guide/stored-limits.md",
    Stores: "docs/guide/stores.md",
    Streaming: "docs/guide/streaming.md",
    Telemetry: "docs/guide/telemetry.md",
    Testing: "docs/guide/testing.md",
    Troubleshooting: "docs/guide/troubleshooting.md",
    Usage: "docs/guide/usage.md",
    Waiting: "docs/guide/waiting.md",
}
