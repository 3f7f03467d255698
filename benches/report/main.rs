//! Measures what the crate promises about speed and cost, each figure beside its reference in the
//! same run, and writes a table, `target/report/report.json` and `target/report/report.svg`.
//!
//! `cargo bench --bench report` takes some minutes; with `-- --quick` it takes less than one and says
//! less: few rounds, few keys. The Python client's rows need `TOLLGATE_PEER_PYTHON` and
//! `TOLLGATE_PEER_SCRIPT`, those beside Redis need `redis-server` and `redis-benchmark`; without them
//! the rows say so.

mod chart;
mod counts;
mod denied;
mod effort;
mod footprint;
mod memory;
mod meter;
mod not_built;
mod output;
mod peer;
mod redis;
mod route;
mod row;
mod sample;
mod strict;
mod world;

use tokio::runtime::{Builder, Runtime};

use self::{effort::Effort, row::Row};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if footprint::ran_as_child(&arguments) {
        return;
    }
    let effort = Effort::new(arguments.iter().any(|argument| argument == "--quick"));
    let runtime = runtime();
    let mut rows = Vec::new();
    let mut add = |name: &str, more: Vec<Row>| {
        eprintln!("{name}: done");
        rows.extend(more);
    };
    add("strict", runtime.block_on(strict::rows(effort)));
    add("counts", runtime.block_on(counts::rows(effort)));
    add("prefetch", not_built::prefetch());
    add("denied", runtime.block_on(denied::rows(effort)));
    add("memory", memory::rows(effort));
    add("handle", not_built::handle(memory::references(effort)));
    add("route", route::rows(effort));
    add("peer", runtime.block_on(peer::rows(effort)));
    add("footprint", footprint::rows(effort));
    output::write(&rows, effort);
}

/// As a server has it: as many workers as cores. The engine has threads of its own.
fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime starts")
}
