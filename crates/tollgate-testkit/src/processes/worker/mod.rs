//! A worker process: opens a limiter, makes the requests of its order, and logs the answers.

mod ask;
mod clock;
mod control;
mod load;

use std::{env, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;
use tollgate::{RateLimiter, store::dynamodb::CreateTable};

use self::{ask::Asker, clock::SteppedClock, control::Control};
use super::{
    log::{Kind, Log},
    order::{NAMESPACE, Order, STACK, VARIABLE},
};
use crate::client;

/// The line that a worker prints when its limiter is open.
pub(super) const READY: &str = "tollgate worker is ready";

/// The number of times that a worker retries to open its limiter, and the pause before each retry.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The maximum time for the last writes of a limiter.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Runs the driver's order if this process is a worker. Returns `true` if it is one.
///
/// # Panics
///
/// If the order cannot be read, or the limiter cannot be opened.
pub fn work_if_told() -> bool {
    let Ok(order) = env::var(VARIABLE) else {
        return false;
    };
    let order =
        Order::from_json(&order).unwrap_or_else(|| panic!("{VARIABLE} is no order: {order}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.unwrap_or_else(|error| panic!("cannot start the worker's runtime: {error}"));
    runtime.block_on(work(order));
    true
}

async fn work(order: Order) {
    let clock = SteppedClock::new(order.ahead);
    let control = Control::listen(clock.clone());
    let limiter = open(&order, clock).await;
    let log = Arc::new(Log::create(&order.log));
    let asker = Asker::new(limiter.clone(), &order, Arc::clone(&log));

    // A line of its own, because the test harness may have begun a line.
    println!("\n{READY}");
    if let Some(end) = control.until_told().await {
        load::run(&order, &asker, end).await;
        asker.settled().await;
        let _ = tokio::time::timeout(SHUTDOWN, limiter.shutdown()).await;
        log.note(0, Kind::Ended);
    }
}

/// Opens the limiter. Retries if the engine is down for a while.
async fn open(order: &Order, clock: SteppedClock) -> RateLimiter {
    let client = Client::from_conf(client::config(order.endpoint.clone()).build());
    let settings = RateLimiter::builder()
        .deadline(order.deadline)
        .wall_clock(clock);
    let mut attempts = 0;
    loop {
        let opened = RateLimiter::open()
            .stack(STACK)
            .namespace(NAMESPACE)
            .client(client.clone())
            .provision(CreateTable::new().without_stream())
            .settings(settings.clone())
            .await;
        match opened {
            Ok(limiter) => return limiter,
            Err(error) if attempts == ATTEMPTS => {
                panic!("the worker cannot open its limiter: {error}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        attempts += 1;
    }
}
