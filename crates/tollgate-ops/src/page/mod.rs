//! Pages of HTML in one file: headings, charts and tables.
//!
//! A page loads nothing and runs nothing, and its policy forbids both. It follows the reader's
//! preference for dark or light, fits a phone and a wide screen, and prints. All texts are escaped.
//! It is well-formed XML too.
//!
//! ```
//! use tollgate_ops::page::{Page, Section, Table};
//!
//! let table = Table::new("Windows").texts(["Window"]).numbers(["tpm"]).row(["09:00", "1,200"]);
//! let section = Section::new("user-1").text("One window.").table(table);
//! let page = Page::new("Usage of gpt-4").section(section);
//! assert!(page.html().contains("<td>1,200</td>"));
//! ```

mod builder;
mod section;
mod style;
mod table;

pub use builder::Page;
pub use section::Section;
pub use table::Table;
