//! Redis and its own benchmark, if they are installed.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// A server without persistence. It is stopped on drop.
pub(crate) struct Redis {
    server: Child,
    port: String,
}

impl Redis {
    /// Starts a server, or returns the reason why that is not possible.
    pub(crate) fn start() -> Result<Self, &'static str> {
        if Command::new("redis-benchmark")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            return Err("redis-benchmark is not installed");
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .map_err(|_| "no port is free")?;
        let server = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.port().to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|_| "redis-server is not installed")?;
        let redis = Self {
            server,
            port: port.port().to_string(),
        };
        for _ in 0..100 {
            if TcpStream::connect(port).is_ok() {
                return Ok(redis);
            }
            sleep(Duration::from_millis(20));
        }
        Err("redis-server does not answer")
    }

    /// Returns the rate of `INCR` with 64 clients.
    pub(crate) fn increments_per_second(&self, requests: u32) -> f64 {
        let output = Command::new("redis-benchmark")
            .args([
                "-p",
                &self.port,
                "-t",
                "incr",
                "-c",
                "64",
                "--csv",
                "-n",
                &requests.to_string(),
            ])
            .output()
            .expect("redis-benchmark runs");
        let table = String::from_utf8_lossy(&output.stdout);
        let row = table
            .lines()
            .find_map(|line| line.strip_prefix("\"INCR\",\""));
        let rate = row.and_then(|row| row.split('"').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("redis-benchmark says something else: {table}"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
