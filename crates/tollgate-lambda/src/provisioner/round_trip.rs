//! A template of limits, as CloudFormation hands it over, says what its manifest said.

use proptest::{collection::vec, option, prelude::*};
use serde_json::Value;
use tollgate::model::StackName;
use tollgate_aws::LimitsTemplate;
use tollgate_ops::limits::Manifest;

use super::{properties, text};

/// Returns a limit, in the format of files.
fn limit() -> impl Strategy<Value = String> {
    let times = "{cron: \"0 0 1 * *\"ZONE}";
    let refill =
        (option::of(1..1_000_000_u64), option::of(1..1_000_u64)).prop_map(|(amount, period)| {
            let amount = amount.map(|amount| format!(", refill_amount: {amount}"));
            let period = period.map(|period| format!(", refill_period: {period}"));
            amount.unwrap_or_default() + &period.unwrap_or_default()
        });
    let renewal = prop_oneof![
        refill,
        (1..1_000_000_000_u64).prop_map(|seconds| format!(", reset_after_seconds: {seconds}")),
        vec(Just(times), 1..3).prop_map(|all| format!(", reset_schedule: [{}]", all.join(", "))),
    ];
    let change = prop_oneof![
        (1..4_000_u32)
            .prop_map(|thousandths| format!("scale: {}", f64::from(thousandths) / 1000.0)),
        (1..1_000_000_u64).prop_map(|capacity| format!("capacity: {capacity}")),
    ];
    let schedule = vec(change, 0..3).prop_map(|changes| {
        let entry = |change| format!("{{cron: \"* 9-17 * * MON-FRI\"ZONE, {change}}}");
        let entries: Vec<_> = changes.into_iter().map(entry).collect();
        match entries.len() {
            0 => String::new(),
            _ => format!(", schedule: [{}]", entries.join(", ")),
        }
    });
    let capacity = 1..=100_000_000_000_000_u64;
    (capacity, renewal, schedule, any::<bool>()).prop_map(|(capacity, renewal, schedule, soft)| {
        format!("{{capacity: {capacity}{renewal}{schedule}, soft: {soft}}}")
    })
}

/// Returns the limits of a config. All its schedules have one zone.
fn limits() -> impl Strategy<Value = String> {
    let zone = prop_oneof![Just(""), Just(", tz: Europe/Berlin")];
    (vec(limit(), 1..4), zone).prop_map(|(limits, zone)| {
        let limits = limits.iter().enumerate();
        let limits = limits.map(|(index, limit)| format!("\"l{index}\": {limit}"));
        let limits = limits.collect::<Vec<_>>().join(", ");
        format!("limits: {{{limits}}}").replace("ZONE", zone)
    })
}

/// Returns a config with limits, flags, or both.
fn config() -> impl Strategy<Value = String> {
    let access = prop_oneof![Just("true"), Just("false"), Just("bypass")];
    let fields = (
        option::of(limits()),
        option::of(access),
        option::of(any::<bool>()),
    );
    fields.prop_map(|(limits, access, cascade)| {
        let access = access.map(|access| format!("disabled: {access}"));
        let cascade = cascade.map(|cascade| format!("cascade: {cascade}"));
        let fields: Vec<_> = [limits, access, cascade].into_iter().flatten().collect();
        match fields.len() {
            0 => "{cascade: true}".to_owned(),
            _ => format!("{{{}}}", fields.join(", ")),
        }
    })
}

/// Returns a file. Some names look like numbers or truth values.
fn file() -> impl Strategy<Value = String> {
    let system = prop_oneof![
        Just(String::new()),
        Just("system: {on_unavailable: allow}\n".to_owned()),
        limits().prop_map(|limits| format!("system: {{on_unavailable: block, {limits}}}\n")),
        limits().prop_map(|limits| format!("system: {{{limits}}}\n")),
    ];
    let named = |names: &'static [&'static str]| {
        vec(config(), 0..=names.len()).prop_map(move |configs| {
            let configs = names.iter().zip(configs);
            let configs = configs.map(|(name, config)| format!("\"{name}\": {config}"));
            configs.collect::<Vec<_>>().join(", ")
        })
    };
    let resources = named(&["gpt-4", "openai/gpt-4", "Limits"]);
    let of_entities = vec(named(&["_default_", "gpt-4"]), 0..3);
    (system, resources, of_entities).prop_map(|(system, resources, entities)| {
        let names = ["010", "true", "user-1"].iter().zip(entities);
        let names = names.filter(|(_, resources)| !resources.is_empty());
        let entities =
            names.map(|(name, resources)| format!("\"{name}\": {{resources: {{{resources}}}}}"));
        let entities = entities.collect::<Vec<_>>().join(", ");
        format!(
            "namespace: default\n{system}resources: {{{resources}}}\nentities: {{{entities}}}\n"
        )
    })
}

/// Returns the properties as CloudFormation hands them over: all values are texts.
fn texts(value: Value) -> Value {
    match value {
        Value::Bool(flag) => flag.to_string().into(),
        Value::Number(number) => {
            // Larger ones would be texts like `1.0E10`.
            let is_small = number
                .as_i64()
                .is_none_or(|number| i32::try_from(number).is_ok());
            assert!(is_small, "{number}");
            number.to_string().into()
        }
        Value::Array(values) => values.into_iter().map(texts).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, value)| (name, texts(value))).collect())
        }
        text => text,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_function_reads_what_a_template_says(file in file(), full in any::<bool>()) {
        let manifest = Manifest::parse("limits.yaml", &file);
        let manifest = manifest.map_err(|faults| TestCaseError::fail(format!("{faults}\n{file}")))?;
        let stack = StackName::new("rate-limits").unwrap();
        let template = LimitsTemplate::new(&stack, &manifest, full).to_json().unwrap();
        let template: Value = serde_json::from_str(&template).unwrap();
        let declared = template["Resources"]["TenantLimits"]["Properties"].clone();
        let declared = texts(declared);
        let declared = declared.as_object().unwrap();
        let read = properties::manifest("default", declared);
        let read = text::manifest(&read.map_err(TestCaseError::fail)?);
        let read = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read.to_yaml(), manifest.to_yaml());
        prop_assert_eq!(properties::full(declared), Ok(full));
    }
}
