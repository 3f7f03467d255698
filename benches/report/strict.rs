//! Strict acquires, compared with the bare update and with Redis.

use std::{sync::Arc, time::Duration};

use tollgate_testkit::{Fault, Proxy};

use crate::{
    effort::Effort,
    redis::Redis,
    row::{Goal, Row},
    sample::{Pair, p50, per_second},
    world::{Bare, Ours, World, names, open, patient},
};

/// The numbers of closed-loop tasks that ask for one hot key.
const TASKS: [usize; 2] = [64, 512];

/// A typical round trip inside a region.
const NETWORK: Duration = Duration::from_millis(5);

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let mut rows = vec![
        latency(effort, &world).await,
        distinct(effort, &world).await,
    ];
    let (ours, bare) = hot(&world).await;
    for tasks in TASKS {
        let measure = format!(
            "strict acquire, one hot key, {tasks} closed-loop tasks, beside {tasks} ÷ bare round trip"
        );
        rows.push(shared(effort, measure, tasks, &ours, &bare).await);
    }
    for tasks in TASKS {
        let measure = format!("the same, {tasks} tasks, every request 5 ms under way");
        rows.push(far(effort, &world, measure, tasks).await);
    }
    rows.push(beside_redis(effort, &ours).await);
    rows
}

async fn latency(effort: Effort, world: &World) -> Row {
    let (ours, bare) = hot(world).await;
    let pair = Pair::take(
        effort.rounds,
        async || p50(effort.window, &ours).await,
        async || p50(effort.window, &bare).await,
    );
    Row::new("strict acquire, one client, p50", "ms", Goal::AtMost(1.1)).pair(&pair.await)
}

async fn distinct(effort: Effort, world: &World) -> Row {
    let ours = world.ours(&names("distinct", 64)).await;
    let bare = world.bare(world.engine.client(), &names("bare", 64)).await;
    let pair = Pair::take(
        effort.rounds,
        async || per_second(effort.window, 64, &ours).await,
        async || per_second(effort.window, 64, &bare).await,
    );
    Row::new(
        "strict acquire, 64 tasks, distinct keys",
        "per second",
        Goal::AtLeast(0.95),
    )
    .pair(&pair.await)
}

async fn hot(world: &World) -> (Arc<Ours>, Arc<Bare>) {
    let ours = world.ours(&names("hot", 1)).await;
    let bare = world
        .bare(world.engine.client(), &names("bare-hot", 1))
        .await;
    (ours, bare)
}

/// Compares with the maximum of one key: one write after another, each with the requests of all
/// tasks.
async fn shared(
    effort: Effort,
    measure: String,
    tasks: usize,
    ours: &Arc<Ours>,
    bare: &Arc<Bare>,
) -> Row {
    let pair = Pair::take(
        effort.rounds,
        async || per_second(effort.window, tasks, ours).await,
        async || tasks as f64 * 1_000.0 / p50(effort.window, bare).await,
    );
    Row::new(measure, "per second", Goal::AtLeast(0.8)).pair(&pair.await)
}

async fn far(effort: Effort, world: &World, measure: String, tasks: usize) -> Row {
    let proxy = Proxy::start(world.engine.address()).await;
    let ours = Ours::new(&open(proxy.client(), patient()).await, &names("far", 1)).await;
    let bare = world.bare(proxy.client(), &names("bare-far", 1)).await;
    proxy.set_fault(Fault::delay(NETWORK));
    shared(effort, measure, tasks, &ours, &bare).await
}

async fn beside_redis(effort: Effort, ours: &Arc<Ours>) -> Row {
    let row = Row::new(
        "strict acquire, one hot key, 512 tasks, beside Redis: INCR, redis-benchmark -c 64",
        "per second",
        Goal::AtLeast(2.0),
    );
    let redis = match Redis::start() {
        Ok(redis) => redis,
        Err(why) => {
            return row
                .ours(per_second(effort.window, 512, ours).await)
                .not_here(why);
        }
    };
    let pair = Pair::take(
        effort.rounds,
        async || per_second(effort.window, 512, ours).await,
        async || redis.increments_per_second(effort.pick(100_000, 20_000)),
    );
    row.pair(&pair.await)
}
