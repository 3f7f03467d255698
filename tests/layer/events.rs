//! Events and spans that the crate logs.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{Dispatch, Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::format::FmtSpan;

/// Collects what this thread logs, until it is dropped.
pub(crate) struct Events {
    written: Written,
    _guard: DefaultGuard,
}

/// The text of the events.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

/// Two subscribers that no thread uses.
///
/// If a process has one subscriber, `tracing` asks the thread that reaches an event first if the
/// event is of interest, and remembers the answer for all threads. A thread of another test would
/// answer no.
static OTHERS: LazyLock<[Dispatch; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish()))
});

impl Events {
    /// Collects every event, with its fields.
    pub(crate) fn collect() -> Self {
        Self::with(Level::TRACE, FmtSpan::NONE)
    }

    /// Collects events, and the ends of spans, of a level and of those above it.
    #[allow(dead_code, reason = "the limiter's tests read no spans")]
    pub(crate) fn with_spans(level: Level) -> Self {
        Self::with(level, FmtSpan::CLOSE)
    }

    fn with(level: Level, spans: FmtSpan) -> Self {
        LazyLock::force(&OTHERS);
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(spans)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.0.lock().expect("the log")).into_owned()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
