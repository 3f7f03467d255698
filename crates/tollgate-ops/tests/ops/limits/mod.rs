//! Limits as code.

mod apply;
mod change;
mod export;
mod full;
mod interrupted;
mod owned;
mod peer;
mod stage;
mod versions;
