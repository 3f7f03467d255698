//! Guards that count objects while they exist. Without the feature `metrics` they do nothing.

#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicI64, Ordering};

/// Changes the count of existing objects. The gauge always gets the whole count, so that it is
/// right even if its recorder was installed later.
#[cfg(feature = "metrics")]
pub(super) fn move_gauge(name: &'static str, count: &AtomicI64, by: i64) {
    let now = count.fetch_add(by, Ordering::Relaxed).saturating_add(by);
    super::set(name, now as f64);
}

macro_rules! counted {
    ($(#[$doc:meta])* $guard:ident, $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $guard(());

        impl $guard {
            #[cfg(feature = "metrics")]
            fn count(by: i64) {
                static COUNT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
                $crate::telemetry::held::move_gauge($crate::telemetry::names::$name, &COUNT, by);
            }

            #[cfg(not(feature = "metrics"))]
            #[inline]
            fn count(_: i64) {}

            #[inline]
            pub(crate) fn new() -> Self {
                Self::count(1);
                Self(())
            }
        }

        impl Drop for $guard {
            #[inline]
            fn drop(&mut self) {
                Self::count(-1);
            }
        }
    };
}

pub(super) use counted;

counted! {
    /// A gate that exists.
    LiveGate, GATES
}

counted! {
    /// The difference of a lease that is not written yet.
    PendingSettlement, SETTLEMENTS_PENDING
}
