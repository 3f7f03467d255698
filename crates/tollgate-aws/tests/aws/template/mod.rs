//! The template.

mod combinations;
mod event_source;
mod printed;
mod python;
mod resolved;
mod switches;
