//! Checks of a stack, as `tollgate doctor` and `tollgate table create` print them.
//!
//! | file | checks |
//! |---|---|
//! | `check` | one check, and the summary of all |
//! | `definition` | the table: keys, indexes, expiry, stream, protection, replicas |
//! | `registry` | the version record and the namespace |
//! | `aggregator` | who counts the usage |
//! | `function` | the function that counts the usage, and its connection to the stream |
//! | `clock` | the clock of this machine |
//! | `rights` | the actions that the credentials allow |

mod aggregator;
mod check;
mod clock;
mod definition;
mod function;
mod registry;
mod rights;

pub(super) use aggregator::{aggregator, unknown_aggregator};
pub(super) use check::{Check, Checks};
pub(super) use clock::clock;
pub(super) use definition::{Expected, Named, definition};
pub(super) use function::{connection, function_of};
pub(super) use registry::{namespace, version};
pub(super) use rights::rights;
