//! One trial of the suite.

use std::{fmt, future::Future, pin::Pin};

use tollgate::store::Store;

type Run = for<'a> fn(&'a dyn Store) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One rule that a store must keep, as a program that fails if it does not.
#[derive(Clone, Copy)]
pub struct Trial {
    name: &'static str,
    run: Run,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trial").field(&self.name).finish()
    }
}

impl Trial {
    pub(super) fn new(name: &'static str, run: Run) -> Self {
        Self { name, run }
    }

    /// Returns the name, for example `guard::a_repeat_behind_another_write_is_done`.
    pub fn name(&self) -> &'static str {
        self.name
            .trim_start_matches(concat!(env!("CARGO_CRATE_NAME"), "::conformance::"))
    }

    /// Runs the trial on an empty store.
    ///
    /// # Panics
    /// If the store breaks the rule.
    pub async fn run(&self, store: &dyn Store) {
        (self.run)(store).await;
    }
}

/// Defines `trials`, which returns these functions as trials.
macro_rules! trials {
    ($($body:ident)*) => {
        pub(super) fn trials() -> Vec<super::Trial> {
            vec![$(super::Trial::new(concat!(module_path!(), "::", stringify!($body)), |store| Box::pin($body(store)))),*]
        }
    };
}
pub(super) use trials;
