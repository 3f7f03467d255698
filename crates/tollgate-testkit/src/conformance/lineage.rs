//! The attributes of a bucket about its entity's parent.

use tollgate::{model::ParentLink, store::Store};

use super::{
    trial::trials,
    writes::{add, applied, apply, create, key, limit, put, refuse, update},
};

trials! {
    a_new_bucket_has_it
    one_from_before_its_entity_gets_it_once
}

fn org(cascade: bool) -> ParentLink {
    ParentLink::new("org".try_into().unwrap(), cascade)
}

async fn a_new_bucket_has_it(store: &dyn Store) {
    for cascade in [true, false] {
        let create = create([limit("rpm", 5_000)])
            .with_lineage(org(cascade))
            .with_expires_at(0);
        let state = applied(store.create(&key(), &create).await.unwrap());
        assert_eq!(
            (state.parent.as_ref().unwrap().as_str(), state.cascade),
            ("org", cascade)
        );
        assert_eq!(store.read(&key()).await.unwrap(), Some(state));
    }
}

async fn one_from_before_its_entity_gets_it_once(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let update = update([add("rpm", -1_000)]).with_lineage(org(true));
    let state = apply(store, &update).await;
    assert_eq!(
        (state.parent.as_ref().unwrap().as_str(), state.cascade),
        ("org", true)
    );
    refuse(store, &update).await;
}
