//! What tower, axum and hyper expect of a layer.

mod bodies;
mod bounds;
mod clones;
mod placements;
mod readiness;
mod reserved;
