#![doc = include_str!("guide/links.md")]
#![doc = include_str!("../docs/guide/README.md")]

/// Creates a module for each page. The links that are prepended to a page lead to modules instead
/// of files.
macro_rules! pages {
    ($($page:ident: $file:literal,)*) => {$(
        #[doc = include_str!("guide/links.md")]
        #[doc = include_str!(concat!("../docs/guide/", $file))]
        pub mod $page {}
    )*};
}

pages! {
    alerts: "alerts.md",
    answers: "answers.md",
    aws: "aws.md",
    blocking: "blocking.md",
    concepts: "concepts.md",
    configuration: "configuration.md",
    cookbook: "cookbook.md",
    failure_modes: "failure-modes.md",
    functions: "functions.md",
    hierarchy: "hierarchy.md",
    keys: "keys.md",
    limits_as_code: "limits-as-code.md",
    load_tests: "load-tests.md",
    migrating: "migrating.md",
    namespaces: "namespaces.md",
    operating: "operating.md",
    performance_modes: "performance-modes.md",
    production: "production.md",
    quotas: "quotas.md",
    routes: "routes.md",
    security: "security.md",
    settlement: "settlement.md",
    shadow: "shadow.md",
    sharing_a_table_with_python: "sharing-a-table-with-python.md",
    stack: "stack.md",
    stored_limits: "stored-limits.md",
    stores: "stores.md",
    streaming: "streaming.md",
    telemetry: "telemetry.md",
    testing: "testing.md",
    troubleshooting: "troubleshooting.md",
    usage: "usage.md",
    waiting: "waiting.md",
}
