//! Resets, top-ups and moves to another parent: in memory, on gates over it, and on gates over
//! DynamoDB.

mod carried_limits;
mod created_buckets;
mod faults;
mod fixture;
mod histories;
mod large_costs;
mod later_charges;
mod parents;
mod repeats;
mod reset;
mod several_resources;
mod top_up;
