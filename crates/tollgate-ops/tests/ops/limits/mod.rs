//! Limits as code.

mod apply;
mod export;
mod interrupted;
mod owned;
mod peer;
mod stage;
mod versions;
