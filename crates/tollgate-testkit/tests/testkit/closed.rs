//! Checks of closed connections.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Duration,
};

pub(crate) fn assert_closed(mut connection: TcpStream) {
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    match connection.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        open => panic!("the connection is open: {open:?}"),
    }
}
