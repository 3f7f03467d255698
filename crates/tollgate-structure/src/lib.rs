//! Reads the sources of a crate without compiling it: the imports between files, the type names
//! that are defined twice, and the public API.
//!
//! Begin with [`Sources`], which reads the modules of a crate from `lib.rs` on.

mod api;
mod cfg;
mod circles;
mod difference;
mod expand;
mod floors;
mod imports;
mod module_path;
mod names;
mod pages;
mod sources;
mod type_names;

pub use api::listing;
pub use circles::circles;
pub use difference::difference;
pub use floors::{Floors, Upward};
pub use imports::{Imports, imports};
pub use module_path::ModulePath;
pub use names::{Scope, Target};
pub use pages::{COMMAND, Page, pages};
pub use sources::{Module, Sources};
pub use type_names::defined_twice;

/// The result of reading sources. The error is a sentence for whoever runs the tests.
pub type Result<T> = std::result::Result<T, String>;
