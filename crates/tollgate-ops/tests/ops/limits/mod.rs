//! Limits as code.

mod apply;
mod export;
mod full;
mod interrupted;
mod owned;
mod peer;
mod stage;
mod versions;
