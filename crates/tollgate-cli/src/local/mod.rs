//! The local table: the embedded engine in a process of its own, with its data in a folder.
//!
//! | file | for |
//! |---|---|
//! | `folder` | the folder, and the files in it |
//! | `lock` | the file that the server locks while it lives |
//! | `instance` | the record of the running server, which the other commands read |
//! | `server` | the process that serves |
//! | `engine` | the engine's database, and errors that say what to do |
//! | `upkeep` | what DynamoDB does by itself: expiry, and the end of old stream records |
//! | `stream` | the engine's stream: its index, its length, its trimming |
//! | `client` | clients of the engine |
//! | `table` | the table in the engine |
//! | `aggregator`, `followed` | counts usage: of all tables, and of one |
//! | `unfinished` | a table whose creation was interrupted |
//! | `start` | starts a server, and waits until it answers |
//! | `stop` | asks the server to stop |
//! | `log`, `tail` | the log of the server: written, and read |
//!
//! A server is known by its lock, which the system releases when the process ends, however it ends.
//! No command sends a signal, so a reused process id cannot harm another program.

mod aggregator;
mod client;
mod engine;
mod folder;
mod followed;
mod instance;
mod lock;
mod log;
mod server;
mod start;
mod stop;
mod stream;
mod table;
mod tail;
mod unfinished;
mod upkeep;

pub(crate) use folder::Folder;
pub(crate) use instance::{Instance, endpoint};
pub(crate) use server::{Server, ensure_free, serve};
pub(crate) use start::{Started, start};
pub(crate) use stop::{delete, stop};
pub(crate) use stream::Stream;
pub(crate) use table::{TableCount, count, create};
pub(crate) use tail::Tail;
