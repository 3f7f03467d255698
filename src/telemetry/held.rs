//! Guards for what is counted as long as it is there. Without the feature `metrics` they are nothing.

#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicI64, Ordering};

/// Counts things that are there: the gauge always says how many, whenever its recorder came.
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
    /// A gate that is there.
    LiveGate, GATES
}

counted! {
    /// A lease's difference that is not written yet.
    PendingSettlement, SETTLEMENTS_PENDING
}
