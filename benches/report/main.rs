//! Measures the promised speed and cost of the crate, each figure together with its reference in
//! the same run, and writes a table, `target/report/report.json` and `target/report/report.svg`.
//!
//! `cargo bench --bench report` takes some minutes. With `-- --quick` the command takes less than a
//! minute. It then measures few rounds and few keys, so the figures are rough. `-- --only strict`
//! (`counts`, `memory`, …) prints these rows and writes nothing. The Python client's rows need
//! `TOLLGATE_PEER_PYTHON` and `TOLLGATE_PEER_SCRIPT`. The Redis rows need `redis-server` and
//! `redis-benchmark`. If the variables or programs are missing, the rows say so.

mod chart;
mod counts;
mod denied;
mod effort;
mod footprint;
mod memory;
mod meter;
mod output;
mod peer;
mod prefetch;
mod redis;
mod route;
mod row;
mod sample;
mod strict;
mod world;

use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use self::{effort::Effort, row::Row};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if footprint::ran_as_child(&arguments) {
        return;
    }
    let effort = Effort::new(arguments.iter().any(|argument| argument == "--quick"));
    let only = arguments
        .iter()
        .position(|argument| argument == "--only")
        .map(|at| arguments[at + 1..].to_vec());
    let runtime = runtime();
    let mut rows = Vec::new();
    for (name, measure) in GROUPS {
        if only
            .as_ref()
            .is_none_or(|only| only.iter().any(|wanted| wanted == name))
        {
            let begun = Instant::now();
            rows.extend(measure(effort, &runtime));
            eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
        }
    }
    output::print(&rows);
    if only.is_none() {
        output::write(&rows, effort);
    }
}

type Measure = fn(Effort, &Runtime) -> Vec<Row>;

/// The groups of rows, in the order of the table.
const GROUPS: [(&str, Measure); 9] = [
    ("strict", |effort, runtime| {
        runtime.block_on(strict::rows(effort))
    }),
    ("counts", |effort, runtime| {
        runtime.block_on(counts::rows(effort))
    }),
    ("prefetch", |effort, runtime| {
        runtime.block_on(prefetch::rows(effort))
    }),
    ("denied", |effort, runtime| {
        runtime.block_on(denied::rows(effort))
    }),
    ("memory", |effort, _| memory::rows(effort)),
    ("handle", |effort, _| memory::by_handle(effort)),
    ("route", |effort, _| route::rows(effort)),
    ("peer", |effort, runtime| {
        runtime.block_on(peer::rows(effort))
    }),
    ("footprint", |effort, _| footprint::rows(effort)),
];

/// Returns a runtime like that of a server, with one worker per core. The engine has its own
/// threads.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}
