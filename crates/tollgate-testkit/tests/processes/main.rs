//! Real processes that share a table.

mod short;

/// The entry of the workers. Does nothing in a normal test run.
#[test]
fn worker() {
    tollgate_testkit::processes::work_if_told();
}
