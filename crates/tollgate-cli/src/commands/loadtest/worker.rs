//! A process that makes a part of a load, for the one that started it.

use std::{
    io::{self, BufRead},
    time::Duration,
};

use tokio::sync::watch;
use tollgate_loadtest::LoadTest;

use super::{message::Message, setup::Setup};
use crate::{failure::Failure, interrupt};

/// The time between two messages.
const PAUSE: Duration = Duration::from_millis(250);

/// The state of the process that started this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Orders {
    Wait,
    Begin,
    /// It says so, or it is gone.
    Stop,
}

/// Makes the calls of `test` when the other process says so. Ends early when that closes the input.
pub(super) async fn run(setup: &Setup, test: LoadTest) -> Result<(), Failure> {
    // An interrupt on a terminal is sent to all its processes. The other one decides.
    tokio::spawn(async {
        loop {
            interrupt::wait().await;
        }
    });
    let mut orders = orders();
    Message::Ready.send()?;
    // The sender's thread ends with `Stop`, so there is always an order.
    let _ = orders.wait_for(|order| *order >= Orders::Begin).await;
    let running = test.start(setup.target.clone());
    let mut stopped = false;
    loop {
        tokio::select! {
            () = running.ended() => break,
            _ = orders.wait_for(|order| *order == Orders::Stop), if !stopped => {
                stopped = true;
                running.stop();
            }
            () = tokio::time::sleep(PAUSE) => {
                Message::Progress(Box::new(running.progress())).send()?;
            }
        }
    }
    if let Some(limiter) = &setup.limiter {
        limiter.shutdown().await;
    }
    let done = Message::Done {
        report: Box::new(running.report()),
        write_units: setup.units.count(),
    };
    Ok(done.send()?)
}

/// Returns the orders on the standard input. The thread that reads them does not keep the process
/// from ending.
fn orders() -> watch::Receiver<Orders> {
    let (sender, receiver) = watch::channel(Orders::Wait);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = String::new();
        if matches!(input.read_line(&mut line), Ok(1..)) {
            sender.send_replace(Orders::Begin);
            while matches!(input.read_line(&mut line), Ok(1..)) {}
        }
        sender.send_replace(Orders::Stop);
    });
    receiver
}
