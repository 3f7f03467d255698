//! Tests of manifests.

mod bounds;
mod examples;
mod faults;
mod fuzz;
mod service;
mod yaml;
