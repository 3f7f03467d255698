//! `tollgate loadtest run`

use std::{path::PathBuf, pin::pin};

use clap::Args;
use tollgate_loadtest::{LoadTest, Report};

use super::{
    live::Live, load::LoadArguments, page, part::PartArguments, processes, setup::Setup,
    summary::Summary, target::TargetArguments, thresholds::Thresholds,
};
use crate::{context::Context, failure::Failure, interrupt, new_file::NewFile};

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
    /// Replace the file of the report if it exists
    #[arg(long, requires = "report")]
    force: bool,
    #[command(flatten)]
    part: PartArguments,
}

impl Run {
    pub(super) fn threads(&self) -> usize {
        self.part.threads()
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let named = context.options.given_namespace().is_some();
        self.target.check(named)?;
        self.load.check(self.processes)?;
        let test = self.load.test(self.target.users());
        if self.part.is_given() {
            return self.part.run(context, &self.target, test).await;
        }
        let claim = |file| NewFile::claim(file, self.force);
        let file = self.report.as_deref().map(claim).transpose()?;
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
        if let Some(file) = file {
            let units = summary.units();
            let notes = units.into_iter().chain(broken.clone()).chain([cleaned]);
            let name = file.name();
            file.write(page::page(&report, &load, &notes.collect::<Vec<_>>()))?;
            context.out.line(format!("Wrote {name}"))?;
        }
        if broken.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(broken.join("; ")))
    }

    /// Runs the test, here or in other processes. Returns the report and the write units.
    async fn measure(&self, setup: &Setup, test: LoadTest) -> Result<(Report, f64), Failure> {
        if self.processes > 1 {
            return processes::run(setup, self.processes, None).await;
        }
        let report = here(setup, test).await?;
        if let Some(limiter) = &setup.limiter {
            // The writes of the last settlements count too.
            limiter.shutdown().await;
        }
        Ok((report, setup.units.count()))
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
