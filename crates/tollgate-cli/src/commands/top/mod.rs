//! `tollgate top`: the hottest buckets.
//!
//! | file | for |
//! |---|---|
//! | `command` | the arguments, and the looks one after the other |
//! | `interval` | the time between two looks |
//! | `source` | the buckets to read |
//! | `price` | what a read of the whole table costs |
//! | `look` | one look: reads buckets, and keeps the hottest |
//! | `readings` | the counters of the look before |
//! | `bucket_rates` | a bucket with its rates, as it is printed |
//! | `ranking` | the hottest buckets |
//! | `report` | prints a look |
//! | `denials`, `prometheus`, `http_get` | denials from metrics |

mod bucket_rates;
mod command;
mod denials;
mod http_get;
mod interval;
mod look;
mod price;
mod prometheus;
mod ranking;
mod readings;
mod report;
mod source;

pub(crate) use command::Top;
