//! IAM policies: what services, administrators, dashboards and functions may do.
//!
//! The policies of the table reach every namespace. Those of a namespace reach the items whose
//! partition key begins with the id that the caller's principal tag `zael_namespace_id` has. They
//! also read the registry (`_/`), which says under which ids namespaces are known.
//!
//! ```
//! use tollgate_aws::{StackPolicy, policy::TableResource};
//!
//! let table = TableResource::new("arn:aws:dynamodb:eu-central-1:111122223333:table/rate-limits");
//! let json = table.document(StackPolicy::AcquireOnly).to_json()?;
//! assert!(json.contains("dynamodb:UpdateItem") && !json.contains("dynamodb:DeleteItem"));
//! # Ok::<(), tollgate_aws::PrintError>(())
//! ```

mod document;
mod functions;
mod keys;
mod managed;
mod resource;
mod terraform;

pub use document::PolicyDocument;
pub use functions::FunctionResources;
pub use resource::TableResource;
pub use terraform::terraform;

pub(crate) use document::LANGUAGE;
pub(crate) use functions::{logging, tracing};
