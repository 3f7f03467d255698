//! What this crate and its references cost, side by side: they take turns in short rounds of one
//! run, so that whatever disturbs one disturbs the other. Printed are medians over the rounds, and
//! their ratios.
//!
//! `cargo bench --bench side_by_side`, or with a part of a name to run only some.

mod layer;
mod memory;
mod rounds;

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    memory::run(&filter);
    layer::run(&filter);
}
