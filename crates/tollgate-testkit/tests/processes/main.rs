//! Real processes that share a table.

mod short;

/// The entry of the workers: does nothing in a test run.
#[test]
fn worker() {
    tollgate_testkit::processes::work_if_told();
}
