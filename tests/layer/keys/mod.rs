//! Who is limited, and what for.

mod composed;
mod header;
mod missing;
mod peers;
mod preflight;
mod secrets;
mod setup;
