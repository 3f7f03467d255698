//! Clients that never finish their requests.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Victim, plenty};
use crate::{sockets::read_until, world::left_of};

const CLIENTS: usize = 60;

async fn charged(victim: &Victim) -> i64 {
    1_000_000 - left_of(&victim.limiter, "everybody", "server", &plenty()).await
}

/// Each client sends the head of a request and then a body byte by byte, or nothing more. Other
/// clients are served meanwhile.
async fn bodies(victim: Victim) {
    let mut slow = Vec::new();
    for number in 0..CLIENTS {
        let mut stream = victim.connect().await;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 198.51.100.{number}\r\ncontent-length: 1000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        slow.push(stream);
    }
    let served = async |number: usize| {
        let mut stream = victim.connect().await;
        let head =
            format!("GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.{number}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!(
            read_until(&mut stream, "\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 200")
        );
    };
    for number in 0..20 {
        served(number).await;
        for stream in &mut slow {
            stream.write_all(b"x").await.unwrap();
        }
    }
    // Every slow request is admitted, and none has reached the handler.
    while charged(&victim).await < (CLIENTS + 20) as i64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(victim.handled.load(Ordering::Relaxed), 20);
    for (number, mut stream) in slow.into_iter().enumerate() {
        match number % 3 {
            // The client disconnects.
            0 => drop(stream),
            // The client ends its side with the rest unsent.
            1 => {
                stream.shutdown().await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            // The client resets the connection with data unread.
            _ => stream.set_zero_linger().unwrap(),
        }
    }
    served(99).await;
    // Requests of clients that disconnected were charged.
    let before_the_head = (CLIENTS + 21) as i64;
    assert_eq!(charged(&victim).await, before_the_head);
    victim.assert_unharmed(|_| before_the_head).await;
}

#[tokio::test]
async fn unfinished_bodies_do_no_harm_in_memory() {
    bodies(Victim::in_memory().await).await;
}

#[tokio::test]
async fn unfinished_bodies_do_no_harm_through_gates() {
    bodies(Victim::gated().await).await;
}

/// Each client sends one byte more of a request than the client before, and then closes its sending
/// side.
#[tokio::test]
async fn connections_half_closed_after_every_byte_do_no_harm() {
    let victim = Victim::in_memory().await;
    let request =
        b"POST /a HTTP/1.1\r\nhost: test\r\nx-user: alice\r\ncontent-length: 5\r\n\r\nhello";
    let head = request.len() - 5;
    for bytes in 0..=request.len() {
        let mut stream = victim.connect().await;
        let before = charged(&victim).await;
        let _ = stream.write_all(&request[..bytes]).await;
        stream.shutdown().await.unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        if bytes < head {
            assert_eq!(
                charged(&victim).await,
                before,
                "no request after {bytes} bytes"
            );
        }
    }
    // Two requests with a complete head are charged, with or without a body. The others are denied.
    victim.assert_unharmed(|_| 2).await;
}
