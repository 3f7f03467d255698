//! `tollgate loadtest run`

use std::{num::NonZeroU32, path::PathBuf, pin::pin, thread};

use clap::Args;
use tollgate::model::NamespaceName;
use tollgate_loadtest::{LoadTest, Report};

use super::{
    live::Live, load::LoadArguments, page, processes, setup::Setup, summary::Summary,
    target::TargetArguments, thresholds::Thresholds, units, worker,
};
use crate::{context::Context, failure::Failure, interrupt};

/// Runs a load test of the table, or of a URL behind a rate limit
///
/// Without --namespace, the test makes a namespace of its own in the table, and removes it at the end.
/// With --namespace it uses the limits that are stored there, for entities of its own that it removes;
/// only with --entity it charges an entity that you name. The table has real costs: one write unit or
/// more for each grant, and the report says how many.
///
/// With --rate, the latency of a call counts from the time at which it should have begun, so no waiting
/// is hidden. Ctrl-C ends the test with the report so far.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    load: LoadArguments,
    /// Number of processes that share the load
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Load")]
    processes: u32,
    #[command(flatten)]
    thresholds: Thresholds,
    /// File for the report as a page of HTML, with charts
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Part of the load that this process makes
    #[arg(long, hide = true, value_name = "PART", value_parser = units::part)]
    part: Option<(u32, u32)>,
    /// Namespace that another process has prepared
    #[arg(long, hide = true, value_name = "NAME")]
    joined: Option<NamespaceName>,
    /// Beginning of the names of the keys
    #[arg(long, hide = true, value_name = "NAME")]
    prefix: Option<String>,
    /// The namespace belongs to the test
    #[arg(long, hide = true)]
    own: bool,
}

impl Run {
    pub(super) fn threads(&self) -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let processes = self.part.map_or(1, |(_, of)| of);
        (cores / processes as usize).max(1)
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let named = context.options.given_namespace().is_some();
        self.target.check(named)?;
        self.load.check(self.processes)?;
        let test = self.load.test(self.target.users());
        if let Some((index, of)) = self.part {
            return self.be_part(context, test, index, of).await;
        }
        if let Some(file) = &self.report {
            page::check(file)?;
        }
        let setup = Setup::prepare(context, &self.target).await?;
        let result = self.measure(&setup, test).await;
        let cleaned = setup.clean_up(context, self.target.keeps()).await;
        let (report, units) = result.map_err(|failure| failure.after(cleaned.clone()))?;
        let units = setup.limiter.as_ref().map(|_| units);
        let load = self.load.told(self.target.users());
        let broken = self.thresholds.broken(&report);
        let summary = Summary::new(
            &report,
            load.clone(),
            units,
            broken.clone(),
            cleaned.clone(),
        );
        summary.print(&mut context.out)?;
        if let Some(file) = &self.report {
            let units = summary.units();
            let notes = units.into_iter().chain(broken.clone()).chain([cleaned]);
            page::write(file, &report, &load, &notes.collect::<Vec<_>>())?;
            context.out.line(format!("Wrote {}", file.display()))?;
        }
        if broken.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(broken.join("; ")))
    }

    /// Runs the test, here or in other processes. Returns the report and the write units.
    async fn measure(&self, setup: &Setup, test: LoadTest) -> Result<(Report, f64), Failure> {
        if self.processes > 1 {
            return processes::run(setup, self.processes).await;
        }
        let report = here(setup, test).await?;
        if let Some(limiter) = &setup.limiter {
            // The writes of the last settlements count too.
            limiter.shutdown().await;
        }
        Ok((report, setup.units.count()))
    }

    /// Makes a part of the load for another process.
    async fn be_part(
        &self,
        context: &Context,
        test: LoadTest,
        index: u32,
        of: u32,
    ) -> Result<(), Failure> {
        let setup = match &self.joined {
            Some(namespace) => {
                let prefix = self.prefix.as_deref().unwrap_or_default();
                Setup::join(context, &self.target, namespace.clone(), self.own, prefix).await?
            }
            None => Setup::of_url(&self.target)?,
        };
        let of = NonZeroU32::new(of).unwrap_or(NonZeroU32::MIN);
        worker::run(&setup, test.part(index, of)).await
    }
}

/// Runs a test in this process. The first interrupt stops it, the second one does not wait.
pub(super) async fn here(setup: &Setup, test: LoadTest) -> Result<Report, Failure> {
    let running = test.start(setup.target.clone());
    let mut live = Live::new();
    let (mut interrupted, mut interrupts) = (pin!(interrupt::or_terminated()), 0);
    loop {
        tokio::select! {
            () = running.ended() => break,
            () = &mut interrupted => {
                interrupted.set(interrupt::or_terminated());
                interrupts += 1;
                if interrupts > 1 {
                    return Err(Failure::Interrupted("without a report".into()));
                }
                running.stop();
            }
            () = live.tick() => live.show(&running.progress()),
        }
    }
    Ok(running.report())
}
