//! Measures our side and the reference in turns, so that a disturbance affects both, and returns
//! medians.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The figures of several rounds.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    ours: Vec<f64>,
    reference: Vec<f64>,
}

impl Pair {
    /// Measures both sides in every round, in alternating order.
    pub(crate) async fn take(
        rounds: usize,
        mut ours: impl AsyncFnMut() -> f64,
        mut reference: impl AsyncFnMut() -> f64,
    ) -> Self {
        let mut pair = Self::default();
        for round in 0..rounds {
            if round % 2 == 0 {
                pair.ours.push(ours().await);
                pair.reference.push(reference().await);
            } else {
                pair.reference.push(reference().await);
                pair.ours.push(ours().await);
            }
        }
        pair
    }

    pub(crate) fn ours(&self) -> f64 {
        median(self.ours.clone())
    }

    pub(crate) fn reference(&self) -> f64 {
        median(self.reference.clone())
    }

    /// Returns the median of the rounds' ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(
            self.ours
                .iter()
                .zip(&self.reference)
                .map(|(ours, reference)| ours / reference)
                .collect(),
        )
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[count / 2],
        count => (figures[count / 2 - 1] + figures[count / 2]) / 2.0,
    }
}

/// Returns the median time of a request that never waits, ns. Measures short batches in a task of
/// the runtime.
pub(crate) async fn short_rows(window: Duration, subject: &Arc<impl Subject>) -> f64 {
    const SIZE: u32 = 100;
    let subject = subject.clone();
    let task = async move {
        let end = Instant::now() + window;
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            for _ in 0..SIZE {
                subject.ask(0).await;
            }
            times.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(SIZE));
            // Lets other tasks run.
            tokio::task::yield_now().await;
        }
        median(times)
    };
    tokio::spawn(task).await.expect("nothing fails")
}

/// A request that is measured repeatedly.
pub(crate) trait Subject: Send + Sync + 'static {
    /// Makes one request. `task` is the number of the calling task.
    fn ask(&self, task: usize) -> impl Future<Output = ()> + Send;
}

/// Returns the median time of a request in one task of the runtime, ms.
pub(crate) async fn p50(window: Duration, subject: &Arc<impl Subject>) -> f64 {
    let subject = subject.clone();
    let task = async move {
        let mut times = Vec::new();
        let mut begun = Instant::now();
        let end = begun + window;
        while begun < end {
            subject.ask(0).await;
            let now = Instant::now();
            times.push((now - begun).as_secs_f64() * 1_000.0);
            begun = now;
        }
        median(times)
    };
    tokio::spawn(task).await.expect("nothing fails")
}

/// Returns the number of requests per second that are answered in a closed loop of `tasks` tasks.
pub(crate) async fn per_second(window: Duration, tasks: usize, subject: &Arc<impl Subject>) -> f64 {
    let begun = Instant::now();
    let count = closed_loop(window, tasks, subject).await;
    count / begun.elapsed().as_secs_f64()
}

/// Returns the number of requests that are answered in a closed loop of `tasks` tasks. Waits for
/// the last answers.
pub(crate) async fn closed_loop(
    window: Duration,
    tasks: usize,
    subject: &Arc<impl Subject>,
) -> f64 {
    let end = Instant::now() + window;
    let start = |task| {
        let subject = subject.clone();
        tokio::spawn(async move {
            let mut count = 0_u32;
            while Instant::now() < end {
                subject.ask(task).await;
                count += 1;
            }
            f64::from(count)
        })
    };
    let tasks: Vec<_> = (0..tasks).map(start).collect();
    let mut count = 0.0;
    for task in tasks {
        count += task.await.expect("nothing fails");
    }
    count
}

/// Returns the median over batches of the mean time of `size` calls, ns. For calls that are shorter
/// than a clock tick.
pub(crate) fn batches(window: Duration, size: u32, mut ask: impl FnMut()) -> f64 {
    let end = Instant::now() + window;
    let mut times = Vec::new();
    loop {
        let begun = Instant::now();
        for _ in 0..size {
            ask();
        }
        let now = Instant::now();
        times.push((now - begun).as_secs_f64() * 1e9 / f64::from(size));
        if now >= end {
            return median(times);
        }
    }
}
