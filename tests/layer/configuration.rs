//! The guide's page of settings has every one.

const PAGE: &str = include_str!("../../docs/guide/configuration.md");

/// Builders, and what stands in their files.
const BUILDERS: [(&str, &str); 17] = [
    ("PolicyBuilder", include_str!("../../src/layer/policy/answers.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/cost.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/decision.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/exempt.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/limits.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/settlement.rs")),
    ("PolicyBuilder", include_str!("../../src/layer/policy/subject.rs")),
    ("Builder", include_str!("../../src/limiter/builder.rs")),
    ("Open", include_str!("../../src/limiter/open.rs")),
    ("Breaker", include_str!("../../src/limiter/breaker.rs")),
    ("Prefetch", include_str!("../../src/limiter/prefetch/mod.rs")),
    ("Acquire", include_str!("../../src/limiter/acquire.rs")),
    ("Acquire", include_str!("../../src/limiter/waiting.rs")),
    ("Learn", include_str!("../../src/layer/cost/learn.rs")),
    ("TopUp", include_str!("../../src/layer/settle/top_up.rs")),
    ("CreateTable", include_str!("../../src/store/dynamodb/provision.rs")),
    ("MemoryStore", include_str!("../../src/store/memory/store.rs")),
];

/// Methods that end a builder, or build with another one's settings.
const NO_SETTINGS: [&str; 7] =
    ["build", "build_shared", "build_memory", "build_scripted", "lifetime_or_default", "run", "end_stream_with"];

#[test]
fn has_every_setting() {
    for (builder, source) in BUILDERS {
        // A setting takes the builder, and gives it back.
        let methods = source.split("    pub fn ").skip(1).filter_map(|rest| {
            let (signature, _) = rest.split_once(" {")?;
            let (name, arguments) = signature.split_once(['(', '<'])?;
            let takes = arguments.contains("mut self") || arguments.starts_with("self");
            (takes && signature.contains("-> Self")).then_some(name)
        });
        for method in methods.filter(|method| !NO_SETTINGS.contains(method)) {
            assert!(PAGE.contains(&format!("`{method}`")), "the page lacks {builder}::{method}");
        }
    }
}
