//! The store refuses for a reason that waiting does not change: the role may not write, the
//! credentials are unknown, or the table is gone. The modes for outages do not apply then, because
//! they would switch the limits off permanently.

use tollgate::{
    Error, RateLimiter,
    error::Unavailable,
    layer::{OnUnavailable, PolicyBuilder},
    limiter::{Breaker, LocalShare},
    model::{BreakerState, ConfigScope, StoredConfig, StoredOnUnavailable},
    store::{MemoryStore, StoreErrorKind, WhenFull},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::{
    events::Events,
    world::{Remote, alices_tokens, clock, hello, layer, status, ten_tokens, tokens},
};

/// Starts a limiter whose breaker opens at the first failure.
async fn start() -> Remote {
    let settings = RateLimiter::builder()
        .clock(clock())
        .breaker(Breaker::new().failures(1));
    Remote::exactly(settings).await
}

fn policies() -> [PolicyBuilder; 4] {
    [
        ten_tokens(),
        ten_tokens().on_unavailable(OnUnavailable::Block),
        ten_tokens().on_unavailable(OnUnavailable::Allow),
        ten_tokens().on_unavailable(OnUnavailable::Local {
            share: LocalShare::one_of(2),
        }),
    ]
}

async fn store_allow(remote: &Remote) {
    let stored = StoredConfig::new([]).with_on_unavailable(StoredOnUnavailable::Allow);
    remote
        .limiter
        .config()
        .set(ConfigScope::System, stored)
        .await
        .unwrap();
    remote
        .limiter
        .config()
        .resolve("alice", "api")
        .await
        .unwrap();
}

/// A role without `UpdateItem`, and similar refusals, in every mode.
#[tokio::test]
async fn a_lasting_refusal_is_answered_with_503_in_every_mode() {
    let refusals = [
        ErrorAnswer::access_denied("dynamodb:UpdateItem"),
        ErrorAnswer::unrecognized_client(),
        ErrorAnswer::validation(),
        ErrorAnswer::other(400, "InvalidSignatureException"),
        ErrorAnswer::other(400, "ExpiredTokenException"),
        ErrorAnswer::other(403, "AccessDenied"),
        ErrorAnswer::other(400, "NeverHeardOf"),
    ];
    let remote = start().await;
    store_allow(&remote).await;
    let apps = policies().map(|policy| hello(layer(&remote.limiter, policy)));
    assert_eq!(status(&apps[0], "alice").await, 200);
    for refusal in refusals {
        for operation in ["PutItem", "UpdateItem"] {
            remote
                .proxy
                .set_fault(Fault::answer(refusal.clone()).on(operation));
            let who = if operation == "PutItem" {
                "newcomer"
            } else {
                "alice"
            };
            for app in &apps {
                assert_eq!(status(app, who).await, 503, "{refusal:?} of {operation}");
            }
        }
        assert_eq!(
            remote.limiter.breaker_state(),
            BreakerState::Closed,
            "{refusal:?}"
        );
    }
    remote.proxy.clear_faults();
    assert_eq!(
        status(&apps[0], "alice").await,
        200,
        "as soon as somebody has mended it"
    );
    assert_eq!(alices_tokens(&remote.limiter).await, 80);
}

/// The same for the look-up of limits and parents if nothing is known of the entity yet.
#[tokio::test]
async fn a_refused_look_up_is_no_outage() {
    let remote = start().await;
    store_allow(&remote).await;
    remote.proxy.set_fault(
        Fault::answer(ErrorAnswer::access_denied("dynamodb:BatchGetItem")).on("BatchGetItem"),
    );
    for policy in policies() {
        assert_eq!(
            status(&hello(layer(&remote.limiter, policy)), "newcomer").await,
            503
        );
    }
    assert_eq!(remote.limiter.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_table_that_is_gone_is_no_outage() {
    let remote = start().await;
    store_allow(&remote).await;
    let apps = policies().map(|policy| hello(layer(&remote.limiter, policy)));
    assert_eq!(status(&apps[0], "alice").await, 200);
    let client = remote.engine.client();
    let table = client
        .list_tables()
        .send()
        .await
        .unwrap()
        .table_names()
        .first()
        .unwrap()
        .clone();
    client
        .delete_table()
        .table_name(table)
        .send()
        .await
        .unwrap();
    for app in &apps {
        for who in ["alice", "newcomer"] {
            assert_eq!(status(app, who).await, 503);
        }
    }
    assert_eq!(remote.limiter.breaker_state(), BreakerState::Closed);
    // Another table with that name is not an outage either.
    RateLimiter::open().client(client).await.unwrap();
    for app in &apps {
        assert_eq!(status(app, "alice").await, 503);
    }
}

/// A client fills a memory store with keys that it makes up. No mode lets the keys that come later
/// pass unlimited.
#[tokio::test]
async fn a_store_that_clients_have_filled_is_no_outage() {
    let store = MemoryStore::with_capacity(64).when_full(WhenFull::Refuse);
    let limiter = RateLimiter::builder().clock(clock()).build_memory(store);
    let stored = StoredConfig::new([]).with_on_unavailable(StoredOnUnavailable::Allow);
    limiter
        .config()
        .set(ConfigScope::System, stored)
        .await
        .unwrap();
    for number in 0..2000 {
        match limiter
            .acquire(format!("made-up-{number}"), "api")
            .limits(tokens())
            .await
        {
            Ok(lease) => lease.commit().await.unwrap(),
            Err(Error::Unavailable(error)) => assert!(!error.is_outage(), "{error}"),
            Err(error) => panic!("{error}"),
        }
    }
    for policy in policies() {
        assert_eq!(
            status(&hello(layer(&limiter, policy)), "newcomer").await,
            503
        );
    }
}

/// After `shutdown` there is no outage to wait for.
#[tokio::test]
async fn a_limiter_that_was_shut_down_is_no_outage() {
    let remote = start().await;
    store_allow(&remote).await;
    remote.limiter.shutdown().await;
    for policy in policies() {
        assert_eq!(
            status(&hello(layer(&remote.limiter, policy)), "alice").await,
            503
        );
    }
}

#[tokio::test]
async fn the_missing_permission_is_reported_once() {
    let events = Events::collect();
    let remote = start().await;
    let app = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Allow),
    ));
    remote
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::access_denied("dynamodb:PutItem")).on("PutItem"));
    for _ in 0..3 {
        assert_eq!(status(&app, "alice").await, 503);
    }
    let text = events.text();
    assert_eq!(text.matches("store rejects calls").count(), 1, "{text}");
    let event = text
        .lines()
        .find(|line| line.contains("store rejects calls"))
        .unwrap();
    assert!(
        event.contains("ERROR") && event.contains("permission=\"dynamodb:PutItem\""),
        "{event}"
    );
    assert!(!text.contains("store call failed"), "{text}");

    let error = remote
        .limiter
        .acquire("alice", "api")
        .limits(tokens())
        .await
        .unwrap_err();
    let Error::Unavailable(error @ Unavailable::Store(refusal)) = &error else {
        panic!("{error:?}")
    };
    assert!(!error.is_outage());
    assert_eq!(refusal.kind(), StoreErrorKind::Rejected);
    assert_eq!(refusal.missing_permission(), Some("dynamodb:PutItem"));
}

/// A policy that only observes refuses no request.
#[tokio::test]
async fn a_shadow_policy_passes_refused_requests() {
    let remote = start().await;
    remote
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::access_denied("dynamodb:PutItem")).on("PutItem"));
    assert_eq!(
        status(
            &hello(layer(&remote.limiter, ten_tokens().shadow())),
            "alice"
        )
        .await,
        200
    );
}
