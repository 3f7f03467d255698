//! The place and the capabilities of the store.

use tollgate::{clock::ManualClock, model::NamespaceName};

use super::fixture::{START, Table, in_memory};

#[tokio::test]
async fn the_place_of_a_limiter_is_known_without_a_call() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    let name = NamespaceName::new("tenant-2").unwrap();
    let registered = limiter.namespaces().register(&name).await.unwrap();
    let other = limiter.namespace(name).await.unwrap();
    let (namespace, calls) = (table.namespace().await, table.calls());
    let place = limiter.location().unwrap();
    assert_eq!(place.table, "limits");
    assert_eq!(place.region.as_deref(), Some("us-east-1"));
    assert_eq!(place.namespace.as_deref(), Some("default"));
    assert_eq!(place.namespace_id.as_str(), namespace);
    let place = other.location().unwrap();
    assert_eq!(place.namespace.as_deref(), Some("tenant-2"));
    assert_eq!(place.namespace_id, registered.id);
    let capabilities = limiter.capabilities();
    assert!(capabilities.records && capabilities.namespaces);
    assert!(capabilities.time && capabilities.diagnostics);
    assert_eq!(table.calls(), calls);
}

#[tokio::test]
async fn memory_has_no_place_and_no_namespaces() {
    let limiter = in_memory(&ManualClock::at(START));
    assert_eq!(limiter.location(), None);
    let capabilities = limiter.capabilities();
    assert!(capabilities.records && !capabilities.namespaces);
    assert_eq!(tollgate::VERSION, env!("CARGO_PKG_VERSION"));
    assert_eq!(tollgate::model::limit_name::TPH, "tph");
}
