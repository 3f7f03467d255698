//! Buckets of S3, by the few requests that the stack needs: the whole S3 client of the AWS SDK would
//! be its largest part.
//!
//! | file | for |
//! |---|---|
//! | `bucket` | a bucket: stores, lists and deletes objects |
//! | `request` | one signed request |
//! | `listing` | answers with lists |
//! | `deletion` | the deletion of many objects |
//! | `path` | names in addresses |

mod bucket;
mod deletion;
mod listing;
mod path;
mod request;

pub use bucket::S3Bucket;

pub(crate) use path::is_bucket_name;
