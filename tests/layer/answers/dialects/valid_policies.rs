//! Dialects with which a policy can and cannot be built.

use tollgate::{
    Limit,
    layer::{
        Anthropic, Dialect, IetfDraft, InvalidPolicy, OpenAi, Policy, QuotaUnit, XRateLimit, keys,
    },
};

use super::{all, requests_and_tokens, three};

fn built(dialects: impl IntoIterator<Item = Dialect>) -> Result<(), InvalidPolicy> {
    let policy = dialects
        .into_iter()
        .fold(requests_and_tokens(), |policy, dialect| {
            policy.dialect(dialect)
        });
    policy.build().map(drop)
}

#[tokio::test]
async fn dialects_without_a_common_header_make_a_policy() {
    let policy = requests_and_tokens()
        .dialect(XRateLimit::seconds())
        .dialect(OpenAi::new().requests("rpm"))
        .dialect(IetfDraft::Draft11)
        .dialect(Anthropic::new().tokens("tpm"));
    let [first, ..] = three(policy).await;
    let names = [
        "x-ratelimit-remaining",
        "x-ratelimit-remaining-requests",
        "ratelimit",
        "anthropic-ratelimit-tokens-remaining",
    ];
    assert_eq!(
        all(&first, names),
        ["600", "4", r#""rpm";r=4;t=12, "tpm";r=600;t=24"#, "600"]
    );
}

#[test]
fn dialects_with_a_common_header_make_no_policy() {
    for (one, other, header) in [
        (
            IetfDraft::Draft11.into(),
            IetfDraft::Draft07.into(),
            "ratelimit",
        ),
        (
            IetfDraft::Draft11.into(),
            IetfDraft::Draft11.into(),
            "ratelimit",
        ),
        (
            IetfDraft::Draft06.into(),
            IetfDraft::Draft07.into(),
            "ratelimit-policy",
        ),
        (
            IetfDraft::Draft06.into(),
            Dialect::default(),
            "ratelimit-policy",
        ),
        (
            XRateLimit::seconds().into(),
            XRateLimit::unix_time().of("rpm").into(),
            "x-ratelimit-limit",
        ),
        (
            OpenAi::new().tokens("tpm").into(),
            OpenAi::new().requests("rpm").tokens("tpm").into(),
            "x-ratelimit-limit-tokens",
        ),
    ] {
        let header = header.parse().unwrap();
        assert_eq!(
            built([one, other]),
            Err(InvalidPolicy::DialectsCollide { header })
        );
    }
}

#[test]
fn a_dialect_of_an_unknown_limit_makes_no_policy() {
    for dialect in [
        XRateLimit::seconds().of("rpd").into(),
        OpenAi::new().requests("rpd").into(),
        OpenAi::new().requests("rpm").tokens("rpd").into(),
        Anthropic::new().requests("rpd").into(),
        Anthropic::new().tokens("rpd").into(),
        Anthropic::new().input_tokens("rpd").into(),
        Anthropic::new().output_tokens("rpd").into(),
    ] {
        assert_eq!(
            built([dialect]),
            Err(InvalidPolicy::UnknownLimit("rpd".to_owned()))
        );
    }
    let stored = || {
        Policy::builder()
            .entity(keys::header("x-user"))
            .resource(keys::fixed("api"))
    };
    assert!(
        stored()
            .dialect(OpenAi::new().requests("rpd"))
            .build()
            .is_ok(),
        "stored limits may have it"
    );
    let error = stored()
        .dialect(OpenAi::new().requests("no name"))
        .build()
        .unwrap_err();
    assert!(matches!(error, InvalidPolicy::Name(_)), "{error}");
}

#[test]
fn a_dialect_without_limits_makes_no_policy() {
    assert_eq!(
        built([OpenAi::new().into()]),
        Err(InvalidPolicy::EmptyDialect)
    );
    assert_eq!(
        built([Anthropic::new().into()]),
        Err(InvalidPolicy::EmptyDialect)
    );
}

#[test]
fn the_unit_of_a_limit_is_checked() {
    let unit = |limit: &str, unit| requests_and_tokens().unit(limit, unit).build().map(drop);
    for name in ["", "two words", "quo\"te", "ünit", "x\n", &"x".repeat(65)] {
        assert_eq!(
            unit("tpm", QuotaUnit::other(name)),
            Err(InvalidPolicy::QuotaUnit(name.to_owned()))
        );
    }
    assert_eq!(unit("tpm", QuotaUnit::other("x".repeat(64))), Ok(()));
    assert_eq!(
        unit("rpd", QuotaUnit::Requests),
        Err(InvalidPolicy::UnknownLimit("rpd".to_owned()))
    );
}

#[test]
fn a_partition_secret_that_can_be_guessed_makes_no_policy() {
    let with = |secret: &[u8]| {
        requests_and_tokens()
            .partition_keys(secret)
            .build()
            .map(drop)
    };
    assert_eq!(
        with(&[7; 15]),
        Err(InvalidPolicy::ShortSecret {
            length: 15,
            shortest: 16
        })
    );
    assert_eq!(with(&[7; 16]), Ok(()));
}

#[test]
fn a_dialect_can_name_limits_of_any_policy() {
    let default = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"));
    let default = default
        .default_limit(Limit::per_minute("rpm", 5))
        .dialect(XRateLimit::seconds().of("tpm"));
    assert!(default.build().is_ok(), "what is stored may have it");
}
