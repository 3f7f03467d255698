//! Looks at a table as an operator would: its definition, and the rights of the credentials.
//!
//! | file | for |
//! |---|---|
//! | `report` | the definition, as it was found |
//! | `inspect` | the calls that find it |
//! | `permission` | the result of trying an action |
//! | `trials` | the calls that try each action |

mod inspect;
mod permission;
mod report;
mod trials;

pub use permission::{PermissionPurpose, PermissionResult, PermissionTrial};
pub use report::{IndexInspection, TableInspection};
