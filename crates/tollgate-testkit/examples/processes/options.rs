//! The options of the command line.

use std::{str::FromStr, time::Duration};

use tollgate::Limit;
use tollgate_testkit::processes::{Demand, Event, Mode, Scenario, Workers};

pub(crate) const USAGE: &str = "\
--processes <n>         processes (default 2)
--tasks <n>             tasks of each process (1)
--delay <ms>[,<ms>...]  what each request takes longer, of each process in turn (0)
--limit <n>             tokens a second (1000)
--burst <n>             tokens of a full bucket (those of a second)
--cost <n>              tokens of a request (1)
--demand <part>         requests by chance, as a part of the limit (tasks that ask again at once)
--think <ms>            time from an answer to the task's next request (0)
--mode <mode>           plain, prefetch, settle, layer or waiting (plain)
--parent                charge a parent, too
--deadline <ms>         deadline of an acquire (250, or four round trips)
--seconds <n>           how long (10)
--seed <n>              seed of all random choices (0)
--kill                  kill a process halfway, and start another one in its place
--restart-engine        stop the engine for 100 ms after a third of the time
--step-clock <ms>       step the clock of the first process after a quarter of the time
--soak <seeds>          so many runs, each with distances, faults and a mode of its own
--json                  print JSON";

pub(crate) struct Options {
    pub(crate) processes: usize,
    pub(crate) tasks: usize,
    pub(crate) delays: Vec<Duration>,
    pub(crate) limit: u64,
    pub(crate) burst: Option<u64>,
    pub(crate) cost: u64,
    pub(crate) demand: Option<f64>,
    pub(crate) think: Duration,
    pub(crate) mode: Mode,
    pub(crate) parent: bool,
    pub(crate) deadline: Option<Duration>,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
    pub(crate) kill: bool,
    pub(crate) restart: bool,
    pub(crate) step: Option<i64>,
    pub(crate) soak: Option<u64>,
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            processes: 2,
            tasks: 1,
            delays: Vec::new(),
            limit: 1000,
            burst: None,
            cost: 1,
            demand: None,
            think: Duration::ZERO,
            mode: Mode::Plain,
            parent: false,
            deadline: None,
            time: Duration::from_secs(10),
            seed: 0,
            kill: false,
            restart: false,
            step: None,
            soak: None,
            json: false,
        };
        while let Some(option) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--processes" => options.processes = number(&value()?)?,
                "--tasks" => options.tasks = number(&value()?)?,
                "--delay" => {
                    options.delays = value()?.split(',').map(millis).collect::<Result<_, _>>()?
                }
                "--limit" => options.limit = number(&value()?)?,
                "--burst" => options.burst = Some(number(&value()?)?),
                "--cost" => options.cost = number(&value()?)?,
                "--demand" => options.demand = Some(number(&value()?)?),
                "--think" => options.think = millis(&value()?)?,
                "--mode" => {
                    let name = value()?;
                    options.mode =
                        Mode::named(&name).ok_or_else(|| format!("there is no mode {name}"))?;
                }
                "--parent" => options.parent = true,
                "--deadline" => options.deadline = Some(millis(&value()?)?),
                "--seconds" => {
                    options.time = Duration::from_secs_f64(number::<f64>(&value()?)?.max(0.1))
                }
                "--seed" => options.seed = number(&value()?)?,
                "--kill" => options.kill = true,
                "--restart-engine" => options.restart = true,
                "--step-clock" => options.step = Some(number(&value()?)?),
                "--soak" => options.soak = Some(number(&value()?)?),
                "--json" => options.json = true,
                _ => return Err(format!("there is no option {option}")),
            }
        }
        Ok(options)
    }

    /// Returns the scenario of the options.
    pub(crate) fn scenario(&self) -> Scenario {
        let limit =
            Limit::per_second("tokens", self.limit).with_burst(self.burst.unwrap_or(self.limit));
        let demand = match self.demand {
            Some(part) => Demand::open(part * self.limit as f64 / self.cost.max(1) as f64),
            None => Demand::Closed { think: self.think },
        };
        let mut scenario = Scenario::new(Workers::program())
            .processes(self.processes)
            .tasks(self.tasks)
            .distances(self.delays.iter().copied())
            .limit(limit)
            .cost(self.cost)
            .demand(demand)
            .mode(self.mode)
            .time(self.time)
            .seed(self.seed);
        if self.parent {
            scenario = scenario.parent();
        }
        if let Some(deadline) = self.deadline {
            scenario = scenario.deadline(deadline);
        }
        if let Some(ahead) = self.step {
            scenario = scenario.event(self.time / 4, Event::StepClock { process: 0, ahead });
        }
        if self.restart {
            scenario = scenario.event(
                self.time / 3,
                Event::RestartEngine(Duration::from_millis(100)),
            );
        }
        if self.kill {
            scenario = scenario.event(self.time / 2, Event::Kill(self.processes - 1));
        }
        scenario
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn millis(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_millis)
}
