//! The contracts of tower, axum and hyper for a layer.

mod bodies;
mod bounds;
mod clones;
mod placements;
mod readiness;
mod reserved;
