//! Taking figures: in turns, so that what disturbs one disturbs the other, and by medians.

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
    /// Measures both in every round, each first every other time.
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

    /// The median of the rounds' ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.ours.iter().zip(&self.reference).map(|(ours, reference)| ours / reference).collect())
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

/// The median time of what waits for nothing, ns, by short rows of it in a task of the runtime.
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
            // What runs beside has its turn.
            tokio::task::yield_now().await;
        }
        median(times)
    };
    tokio::spawn(task).await.expect("nothing fails")
}

/// What is asked again and again.
pub(crate) trait Subject: Send + Sync + 'static {
    /// Asks once; each of several tasks has its number.
    fn ask(&self, task: usize) -> impl Future<Output = ()> + Send;
}

/// The median time of asking by one task of the runtime, ms.
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

/// How many are answered in a second when that many tasks ask again and again.
pub(crate) async fn per_second(window: Duration, tasks: usize, subject: &Arc<impl Subject>) -> f64 {
    let begun = Instant::now();
    let count = closed_loop(window, tasks, subject).await;
    count / begun.elapsed().as_secs_f64()
}

/// How many are answered when that many tasks ask again and again, until the last has its answer.
pub(crate) async fn closed_loop(window: Duration, tasks: usize, subject: &Arc<impl Subject>) -> f64 {
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

/// The median time of one of `size` calls in a row, ns: for what is over before the clock ticks.
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
