//! Evaluates IAM policies: is a call allowed, and is every statement needed?
//!
//! DynamoDB engines for tests enforce no policies. Record the calls of a role instead, and ask its
//! [`Policy`] about each [`Call`]:
//!
//! ```
//! use tollgate_testkit::policies::{Call, Policy};
//!
//! let policy = Policy::parse(r#"{
//!   "Version": "2012-10-17",
//!   "Statement": [{
//!     "Sid": "Spend",
//!     "Effect": "Allow",
//!     "Action": ["dynamodb:UpdateItem"],
//!     "Resource": ["arn:aws:dynamodb:eu-central-1:111122223333:table/rate-limits"],
//!     "Condition": {
//!       "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["*/BUCKET#*"] },
//!       "Null": { "dynamodb:LeadingKeys": "false" }
//!     }
//!   }]
//! }"#)?;
//! let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/rate-limits";
//! let spend = Call::new("dynamodb:UpdateItem", table).leading_key("ns/BUCKET#user#api#0");
//! assert!(policy.allows(&spend));
//!
//! let change = Call::new("dynamodb:UpdateItem", table).leading_key("ns/SYSTEM#");
//! assert!(!policy.allows(&change));
//! assert!(policy.unused([&spend]).is_empty());
//! # Ok::<(), tollgate_testkit::policies::UnknownPolicy>(())
//! ```
//!
//! It understands what policies of tables need: `Allow` and `Deny`; actions, resources and values with
//! `*` and `?`; the operators `StringEquals`, `StringLike`, `ForAllValues:StringEquals`,
//! `ForAllValues:StringLike` and `Null` on `dynamodb:LeadingKeys`; variables of principal tags. It
//! refuses to parse anything else, so that nothing is allowed by mistake.

mod call;
mod parse;
mod pattern;
mod policy;

pub use call::Call;
pub use parse::UnknownPolicy;
pub use policy::Policy;
