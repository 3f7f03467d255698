//! The load: the requests of the callers.

/// The requests of all processes together.
///
/// ```
/// use tollgate_testkit::fleet::Load;
///
/// // 2000 requests per second, however they are answered, for 100 keys of different popularity.
/// let open = Load::open(2000.0).keys(100, 1.1);
/// // 64 tasks in every process, each making one request after another.
/// let closed = Load::closed(64);
/// # let _ = (open, closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    pub(super) arrivals: Arrivals,
    pub(super) keys: usize,
    pub(super) exponent: f64,
    pub(super) cost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arrivals {
    /// Poisson arrivals per second, at processes chosen at random.
    Open(f64),
    /// The number of tasks of each process.
    Closed(usize),
}

impl Load {
    /// Returns a load of random requests, `per_second` on average (a Poisson process), each at a
    /// random process.
    pub fn open(per_second: f64) -> Self {
        Self {
            arrivals: Arrivals::Open(per_second),
            keys: 1,
            exponent: 0.0,
            cost: 1,
        }
    }

    /// Returns a load of `tasks` tasks in every process. A task asks again as soon as it has an
    /// answer, and after a denial as soon as the denial allows.
    pub fn closed(tasks: usize) -> Self {
        Self {
            arrivals: Arrivals::Closed(tasks),
            keys: 1,
            exponent: 0.0,
            cost: 1,
        }
    }

    /// Spreads the requests over `keys` buckets, the `k`th in proportion to `1 / k^exponent`
    /// (Zipf). Default: one bucket.
    pub fn keys(mut self, keys: usize, exponent: f64) -> Self {
        (self.keys, self.exponent) = (keys.max(1), exponent);
        self
    }

    /// Sets the tokens that each request asks for. Default: 1.
    pub fn cost(mut self, tokens: u64) -> Self {
        self.cost = tokens;
        self
    }
}

/// Chooses keys at random, the first one most often.
#[derive(Debug)]
pub(super) struct Zipf {
    /// The cumulative probabilities of the keys.
    upto: Vec<f64>,
}

impl Zipf {
    pub(super) fn new(load: &Load) -> Self {
        let mut upto: Vec<f64> = (1..=load.keys)
            .scan(0.0, |sum, k| {
                *sum += (k as f64).powf(-load.exponent);
                Some(*sum)
            })
            .collect();
        let all = upto[load.keys - 1];
        upto.iter_mut().for_each(|upto| *upto /= all);
        Self { upto }
    }

    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let point = random.f64();
        self.upto
            .partition_point(|upto| *upto <= point)
            .min(self.upto.len() - 1)
    }
}
