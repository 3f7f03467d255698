//! Creates, changes and deletes stacks by calls of AWS CloudFormation.
//!
//! | part | for |
//! |---|---|
//! | [`StackManager`] | one stack: [deploys](StackManager::deploy), [upgrades](StackManager::upgrade) and [deletes](StackManager::delete) it |
//! | [`Plan`] | the changes of an update, before it is made |
//! | [`DeployedStack`] | a stack as it is |
//! | [`list_deployed`] | all stacks of a region |
//! | [`DeployStack`] | lets a service deploy its own stack when it starts |

mod adopt;
mod change_set;
mod create;
mod data;
mod delete;
mod deploy;
mod deployed;
mod discovery;
mod drift;
mod error;
mod event;
mod guard;
mod import;
mod initialize;
mod package;
mod plan;
mod prepared;
mod provision;
mod request;
mod stack_manager;
mod wait;

pub use data::DeletedData;
pub use delete::Deletion;
pub use deploy::Deployment;
pub use deployed::DeployedStack;
pub use discovery::{LimiterInfo, list_deployed};
pub use drift::DriftedResource;
pub use error::DeployError;
pub use event::StackEvent;
pub use package::FunctionPackage;
pub use plan::{ParameterChange, Plan, Replacement, ResourceChange};
pub use prepared::Prepared;
pub use provision::DeployStack;
pub use stack_manager::StackManager;
