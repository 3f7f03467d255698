//! The client opens at most one connection for each store call that may be in flight.

use std::{fs, future::IntoFuture, net::SocketAddr, time::Duration};

use tokio::task::JoinSet;
use tollgate::{Limit, clock::ManualClock};
use tollgate_testkit::Fault;

use super::fixture::{START, Table, settings};

const PLACES: usize = 8;

/// Other connections: those that opening a limiter needs, and those that are closed a little later.
const SPARE: usize = 16;

/// Returns the number of open connections to an address.
fn connections(to: SocketAddr) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let open = table.lines().skip(1).filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields[1]
            .rsplit(':')
            .next()
            .and_then(|port| u16::from_str_radix(port, 16).ok());
        port == Some(to.port()) && fields[3] == "01"
    });
    Some(open.count())
}

#[tokio::test]
async fn concurrent_requests_open_no_more_connections_than_calls_may_be_in_flight() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table
        .limiter(
            settings(&clock)
                .max_store_calls(PLACES)
                .store_deadline(Duration::from_secs(20)),
        )
        .await;
    if connections(table.proxy.address()).is_none() {
        return crate::engine::skipped("connections: there is no /proc/net/tcp");
    }
    table
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(10)));
    let mut asked = JoinSet::new();
    for n in 0..120 {
        for who in [format!("fresh-{n}"), "hot".to_owned()] {
            let ask = limiter
                .acquire(who.as_str(), "api")
                .limits(Limit::per_hour("tokens", 1000));
            let ask = if n % 2 == 0 {
                ask.without_parent()
            } else {
                ask
            };
            asked.spawn(ask.into_future());
        }
    }
    let mut most = 0;
    while let Some(asked) = asked.join_next().await {
        asked.unwrap().unwrap().commit();
        most = most.max(connections(table.proxy.address()).unwrap());
    }
    assert!((2..=PLACES + SPARE).contains(&most), "{most}");
}
