//! The arguments of a process that makes a part of a load, for the one that started it.

use std::{num::NonZeroU32, thread};

use clap::Args;
use tollgate::model::NamespaceName;
use tollgate_loadtest::LoadTest;

use super::{setup::Setup, target::TargetArguments, units, worker};
use crate::{context::Context, failure::Failure};

/// The arguments that one process of a test gives to the others.
#[derive(Debug, Args)]
pub(super) struct PartArguments {
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

impl PartArguments {
    /// Returns true if this process makes a part for another one.
    pub(super) fn is_given(&self) -> bool {
        self.part.is_some()
    }

    /// Returns the number of threads for this process.
    pub(super) fn threads(&self) -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let processes = self.part.map_or(1, |(_, of)| of);
        (cores / processes as usize).max(1)
    }

    /// Makes this process's part of a test.
    pub(super) async fn run(
        &self,
        context: &Context,
        target: &TargetArguments,
        test: LoadTest,
    ) -> Result<(), Failure> {
        let setup = match &self.joined {
            Some(namespace) => {
                let prefix = self.prefix.as_deref().unwrap_or_default();
                Setup::join(context, target, namespace.clone(), self.own, prefix).await?
            }
            None => Setup::of_url(target)?,
        };
        let (index, of) = self.part.unwrap_or((0, 1));
        let of = NonZeroU32::new(of).unwrap_or(NonZeroU32::MIN);
        worker::run(&setup, test.part(index, of)).await
    }
}
