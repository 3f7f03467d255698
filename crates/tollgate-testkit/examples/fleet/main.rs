//! t
use std::time::Duration;
use tollgate::Limit;
use tollgate_testkit::fleet::{Fleet, Load};
fn main() {
    let rates: Vec<u64> =
        std::env::args().nth(1).map_or(vec![50, 1000], |a| a.split(',').map(|n| n.parse().unwrap()).collect());
    let sizes: Vec<usize> =
        std::env::args().nth(2).map_or(vec![1, 4, 16, 64, 256], |a| a.split(',').map(|n| n.parse().unwrap()).collect());
    println!("rate procs  util%  over grants/s  wu/s  ok/s lost/s thr/s read/s unav/s  p50 p99 max  dp99 widen  secs");
    for rate in rates {
        for &processes in &sizes {
            let begun = std::time::Instant::now();
            let o = Fleet::new(processes)
                .limit(Limit::per_second("tokens", rate))
                .load(Load::open(2.0 * rate as f64))
                .warm_up(Duration::from_secs(5))
                .measure(Duration::from_secs(20))
                .run();
            println!(
                "{rate:5} {processes:5} {:6.2} {:4}/{} {:7.1} {:6.0} {:6.0} {:6.0} {:6.0} {:6.0} {:6.1} {:4} {:4} {:4} {:4} {:4} {:5.1}",
                o.utilisation * 100.0,
                o.over_admitted,
                o.unpaid,
                o.grant_rate(),
                o.write_units(),
                o.per_second(o.writes),
                o.per_second(o.lost_races),
                o.per_second(o.throttled),
                o.per_second(o.reads),
                o.per_second(o.unavailable),
                o.grants.p50.as_millis(),
                o.grants.p99.as_millis(),
                o.grants.most.as_millis(),
                o.denials.p99.as_millis(),
                o.widening.as_millis(),
                begun.elapsed().as_secs_f64()
            );
        }
    }
}
