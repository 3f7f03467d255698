//! Calls a function at the end of a task, in every case.

/// Calls a function once: with `true` at the end of a task, or with `false` if the task is dropped
/// before, because its runtime was shut down (or the task has panicked).
pub(super) struct Finally<F: FnOnce(bool)>(Option<F>);

impl<F: FnOnce(bool)> Finally<F> {
    pub(super) fn new(then: F) -> Self {
        Self(Some(then))
    }

    /// Notes that the task has ended.
    pub(super) fn ended(mut self) {
        self.call(true);
    }

    fn call(&mut self, ended: bool) {
        if let Some(then) = self.0.take() {
            then(ended);
        }
    }
}

impl<F: FnOnce(bool)> Drop for Finally<F> {
    fn drop(&mut self) {
        self.call(false);
    }
}
