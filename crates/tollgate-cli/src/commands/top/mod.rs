//! `tollgate top`: the hottest buckets.
//!
//! | file | for |
//! |---|---|
//! | `command` | the arguments, and the looks one after the other |
//! | `interval` | the time between two looks |
//! | `looks` | the looks, one after the other |
//! | `row_looks`, `source` | looks that read buckets; the buckets to read |
//! | `stream_looks`, `changed_buckets` | looks that read the table's stream; the buckets that changed |
//! | `price` | what a read of the whole table costs |
//! | `look`, `seen` | one look, which keeps the hottest buckets; its result |
//! | `readings` | the counters of the look before |
//! | `bucket_rates` | a bucket with its rates, as it is printed |
//! | `ranking` | the hottest buckets |
//! | `report` | prints a look |
//! | `denials`, `prometheus`, `http_get` | denials from metrics |

mod bucket_rates;
mod changed_buckets;
mod command;
mod denials;
mod http_get;
mod interval;
mod look;
mod looks;
mod price;
mod prometheus;
mod ranking;
mod readings;
mod report;
mod row_looks;
mod seen;
mod source;
mod stream_looks;

pub(crate) use command::Top;
