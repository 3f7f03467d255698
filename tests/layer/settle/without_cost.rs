//! A limit that is settled, but for which no rule states a cost before that.

use tollgate::layer::{Learn, PolicyBuilder, Settle, TopUp, cost};

use crate::{
    events::Events,
    world::{per_user, tokens},
};

/// Returns true if the policy is built with a warning.
fn warns(policy: PolicyBuilder) -> bool {
    let events = Events::collect();
    policy.build().unwrap();
    let text = events.text();
    assert!(text.is_empty() || text.contains("limit=tpm"), "{text}");
    text.matches("settled limit without a cost").count() == 1
}

#[test]
fn a_settled_limit_without_a_cost_is_warned_of() {
    let settled = || per_user(tokens()).settle("tpm", Settle::header("x-used"));
    assert!(warns(settled()));
    assert!(
        warns(settled().settle("tpm", Settle::trailer("x-used"))),
        "once"
    );
    assert!(warns(
        per_user(tokens()).settle("tpm", Settle::bytes(|bytes| bytes))
    ));
    for said in [
        settled().cost("tpm", 1),
        settled().cost("tpm", 0),
        settled().estimate("tpm", cost::header("x-tokens")),
        settled().learn("tpm", Learn::default()),
        settled().acquire_in_handler(),
        per_user(tokens())
            .settle("tpm", Settle::bytes(|bytes| bytes))
            .top_up(TopUp::steps(10)),
        per_user(tokens()),
    ] {
        assert!(!warns(said));
    }
}
