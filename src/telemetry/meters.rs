//! The recorder's handles of the metrics that every request updates, registered once.
//!
//! A recorder may be installed at any time, and tests have one for each thread. So there is a set
//! of handles for each recorder that was ever seen, identified by its address. To find an existing
//! set takes no lock and allocates nothing.

use std::{sync::OnceLock, time::Instant};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use super::{
    catalogue, names,
    outage::Outage,
    outcome::{AcquireOutcome, Path},
    series::{LIMIT_PLACES, LimitSeries, RESOURCE_PLACES, ResourceSeries},
};

/// The number of recorders that can be told apart. A process has one, a test has one for each
/// thread.
const MOST_RECORDERS: usize = 256;

const METADATA: Metadata<'static> = Metadata::new("tollgate", Level::INFO, Some("tollgate"));

static FIRST: OnceLock<Box<Meters>> = OnceLock::new();

/// The handles of one recorder.
struct Meters {
    recorder: usize,
    acquire: [OnceLock<Histogram>; Path::COUNT],
    prefetched: [OnceLock<Counter>; 2],
    resources: Box<[OnceLock<Box<ResourceMeters>>]>,
    outage: Outage,
    next: OnceLock<Box<Meters>>,
}

struct ResourceMeters {
    decisions: [OnceLock<Counter>; AcquireOutcome::COUNT],
    limits: [LimitMeters; LIMIT_PLACES],
}

#[derive(Default)]
struct LimitMeters {
    denials: [OnceLock<Counter>; 2],
    settled: [OnceLock<Counter>; 2],
    held: OnceLock<Gauge>,
}

/// The handles of the current thread's recorder.
#[derive(Clone, Copy)]
pub(super) struct Current<'a> {
    meters: &'a Meters,
    recorder: &'a dyn Recorder,
}

/// Counts with the current thread's recorder.
#[inline]
pub(super) fn with(count: impl FnOnce(Current<'_>)) {
    metrics::with_recorder(|recorder| {
        let address = std::ptr::from_ref(recorder).cast::<()>().addr();
        let mut slot = &FIRST;
        for _ in 0..MOST_RECORDERS {
            let meters = slot.get_or_init(|| Box::new(Meters::new(recorder, address)));
            if meters.recorder == address {
                return count(Current { meters, recorder });
            }
            slot = &meters.next;
        }
    });
}

impl Meters {
    fn new(recorder: &dyn Recorder, address: usize) -> Self {
        catalogue::describe(recorder);
        Self {
            recorder: address,
            acquire: [const { OnceLock::new() }; Path::COUNT],
            prefetched: [const { OnceLock::new() }; 2],
            resources: (0..RESOURCE_PLACES).map(|_| OnceLock::new()).collect(),
            outage: Outage::default(),
            next: OnceLock::new(),
        }
    }
}

impl Current<'_> {
    /// Returns a counter. Rare metrics are looked up in the recorder each time.
    pub(super) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder
            .register_counter(&key(name, labels), &METADATA)
    }

    pub(super) fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    pub(super) fn histogram(
        &self,
        name: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        self.recorder
            .register_histogram(&key(name, labels), &METADATA)
    }

    #[inline]
    pub(super) fn acquire(&self, path: Path) -> &Histogram {
        self.meters.acquire[path as usize]
            .get_or_init(|| self.histogram(names::ACQUIRE_DURATION, &[("path", path.label())]))
    }

    #[inline]
    pub(super) fn prefetched(&self, served: bool) -> &Counter {
        self.meters.prefetched[usize::from(served)].get_or_init(|| {
            let result = if served { "served" } else { "missed" };
            self.counter(names::PREFETCH_REQUESTS, &[("result", result)])
        })
    }

    /// Records the end of a store call. `down` is `true` if the call failed.
    pub(super) fn store_down(&self, down: bool) {
        self.gauge(names::STORE_DOWN, &[])
            .set(if down { 1.0 } else { 0.0 });
        let seconds = self.meters.outage.heard(down, Instant::now());
        self.counter(names::STORE_DOWN_SECONDS, &[])
            .increment(seconds);
    }

    #[inline]
    pub(super) fn decisions(&self, resource: &ResourceSeries, outcome: AcquireOutcome) -> &Counter {
        self.resource(resource).decisions[outcome as usize].get_or_init(|| {
            self.counter(
                names::DECISIONS,
                &[("resource", resource.label()), ("outcome", outcome.label())],
            )
        })
    }

    pub(super) fn denials(
        &self,
        resource: &ResourceSeries,
        limit: &LimitSeries,
        parent: bool,
    ) -> &Counter {
        self.limit(resource, limit).denials[usize::from(parent)].get_or_init(|| {
            let owner = if parent { "parent" } else { "entity" };
            self.limit_counter(names::DENIALS, resource, limit, ("owner", owner))
        })
    }

    pub(super) fn settled(
        &self,
        resource: &ResourceSeries,
        limit: &LimitSeries,
        up: bool,
    ) -> &Counter {
        self.limit(resource, limit).settled[usize::from(up)].get_or_init(|| {
            let direction = if up { "up" } else { "down" };
            self.limit_counter(
                names::SETTLED_TOKENS,
                resource,
                limit,
                ("direction", direction),
            )
        })
    }

    pub(super) fn held(&self, resource: &ResourceSeries, limit: &LimitSeries) -> &Gauge {
        self.limit(resource, limit).held.get_or_init(|| {
            self.gauge(
                names::PREFETCH_HELD,
                &[("resource", resource.label()), ("limit", limit.label())],
            )
        })
    }

    fn limit_counter(
        &self,
        name: &'static str,
        resource: &ResourceSeries,
        limit: &LimitSeries,
        label: (&'static str, &str),
    ) -> Counter {
        self.counter(
            name,
            &[
                ("resource", resource.label()),
                ("limit", limit.label()),
                label,
            ],
        )
    }

    #[inline]
    fn resource(&self, resource: &ResourceSeries) -> &ResourceMeters {
        self.meters.resources[resource.place].get_or_init(|| {
            Box::new(ResourceMeters {
                decisions: [const { OnceLock::new() }; AcquireOutcome::COUNT],
                limits: std::array::from_fn(|_| LimitMeters::default()),
            })
        })
    }

    fn limit(&self, resource: &ResourceSeries, limit: &LimitSeries) -> &LimitMeters {
        &self.resource(resource).limits[limit.place]
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(name, labels)
}
