//! `tollgate adopt`

use std::time::Duration;

use clap::Args;
use tollgate_aws::{
    StackFunction, StackOptions,
    manager::{DeployedStack, Deployment, Plan, Prepared},
};
use tollgate_ops::{OpsError, functions::HandOver};

use crate::{
    change, confirm,
    context::Context,
    deployment::{Code, CodeSource, DeploymentRecord, Target, configuration, print_plan},
    failure::Failure,
};

/// The longest time until a stream has stopped, or goes on: a batch may need the function's
/// timeout.
const HAND_OVER: Duration = Duration::from_secs(20 * 60);

/// Takes over a stack that the Python command `zae-limiter` made
///
/// The stack keeps its table, options, names, roles and outputs, and gets the template and the
/// functions of this executable. The stream is stopped before the code of the aggregator changes,
/// and goes on after it at the same record, so nothing is counted twice or lost. If the change
/// fails, the last line says how the old function goes on. If you interrupt it, the stream may be
/// stopped: repeat the command within 24 hours, which finishes it. Python services work with the stack as before; do not run `zae-limiter deploy` or
/// `upgrade` on it.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    code: CodeSource,
    /// Bucket for the code of the functions, in the stack's region [default: that which has it
    /// until now]
    #[arg(long, value_name = "BUCKET")]
    code_bucket: Option<String>,
    /// Leave out the alarm for an aggregator that sees no records
    #[arg(long)]
    no_idle_alarm: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    plan: bool,
}

impl Adopt {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = Target::load(context).await?;
        let manager = &target.manager;
        let Some(before) = target.read(manager.describe()).await? else {
            return Err(target.missing());
        };
        if before.is_ours() && !self.plan {
            return finish(context, &target, &before).await;
        }
        let package = match self.code.read()? {
            Code::Package(package) => package,
            Code::Unable(problem) => {
                return Err(Failure::Refused(format!(
                    "{problem}; name a static executable by --bootstrap"
                )));
            }
            Code::Unwanted => {
                return Err(Failure::Usage(
                    "an adoption replaces the code of the functions: leave --without-code out"
                        .into(),
                ));
            }
        };
        let bucket = self.code_bucket.as_deref();
        let change = |options: StackOptions| {
            if self.no_idle_alarm {
                options.enable_idle_alarm(false)
            } else {
                options
            }
        };
        let prepared = manager.prepare_adoption(change, &package, bucket);
        let prepared = target.read(prepared).await?;
        let planned = target.read(manager.plan_adoption(&prepared)).await?;
        if self.plan {
            let printed = print_plan(context, planned.as_ref(), &prepared);
            if let Some(plan) = planned {
                target.read(manager.discard(plan)).await?;
            }
            return printed;
        }
        let question = format!(
            "Stack {} gets the template and the functions of tollgate. Continue?",
            manager.name()
        );
        if let Err(refused) = confirm::confirm(&context.options, &question) {
            if let Some(plan) = planned {
                target.read(manager.discard(plan)).await?;
            }
            return Err(refused);
        }
        let deployment = change::resumable(replace(context, &target, &prepared, planned)).await?;
        let record = DeploymentRecord::new(None, &deployment);
        let sentence = format!(
            "Took over stack {} {}; its aggregator goes on at the record where the old one stopped",
            manager.name(),
            target.place()
        );
        Ok(context.out.done(&sentence, &record)?)
    }
}

/// Replaces the functions while no stream is connected to the aggregator.
async fn replace(
    context: &Context,
    target: &Target,
    prepared: &Prepared,
    plan: Option<Plan>,
) -> Result<Deployment, Failure> {
    let hand_over = match begin(context, target).await {
        Ok(hand_over) => hand_over,
        Err(failure) => {
            if let Some(plan) = plan {
                // The failure that came first is the one that is told.
                let _ = target.read(target.manager.discard(plan)).await;
            }
            return Err(failure);
        }
    };
    let error = match target.manager.adopt(prepared, plan.as_ref()).await {
        Ok(deployment) => {
            hand_over
                .end()
                .await
                .map_err(|error| stopped(&hand_over, &error))?;
            return Ok(deployment);
        }
        Err(error) => error,
    };
    let told = go_on(target, &hand_over).await;
    let failed: Result<(), _> = target.read(async { Err(error) }).await;
    match failed {
        Err(failure) => Err(failure.after(told)),
        Ok(()) => Err(Failure::Refused(told)),
    }
}

/// Lets the old function go on after a change that failed, and says so. CloudFormation takes a
/// change back to its template, which has no code: the Python command has uploaded it.
async fn go_on(target: &Target, hand_over: &HandOver) -> String {
    let manager = &target.manager;
    let is_settled = match manager.describe().await {
        Ok(Some(stack)) => !stack.is_ours() && !stack.is_in_progress(),
        _ => false,
    };
    if !is_settled {
        return format!("{}; or repeat this command", told(hand_over));
    }
    if !matches!(hand_over.has_old_code().await, Ok(true)) {
        return format!(
            "the old function may have lost its code: repeat this command, or put the code back with `zae-limiter upgrade --lambda-only --force --name {}`; until then {}",
            manager.name(),
            told(hand_over)
        );
    }
    match hand_over.undo().await {
        Ok(0) => "the old function goes on".to_owned(),
        Ok(_) => format!(
            "the old function is as it was, but its stream was stopped before this command: {}",
            told(hand_over)
        ),
        Err(error) => stopped(hand_over, &error).to_string(),
    }
}

/// Finishes an adoption that was interrupted after the stack had changed.
async fn finish(
    context: &mut Context,
    target: &Target,
    before: &DeployedStack,
) -> Result<(), Failure> {
    let manager = &target.manager;
    let question = format!(
        "Stack {} has tollgate's template already. Connect the stream to its aggregator?",
        manager.name()
    );
    confirm::confirm(&context.options, &question)?;
    let deployment = target
        .change(manager.deploy(|options| options, None))
        .await?;
    let hand_over = begin(context, target).await?;
    hand_over
        .end()
        .await
        .map_err(|error| stopped(&hand_over, &error))?;
    let record = DeploymentRecord::new(Some(before), &deployment);
    let sentence = format!("Stack {} {} is taken over", manager.name(), target.place());
    Ok(context.out.done(&sentence, &record)?)
}

async fn begin(context: &Context, target: &Target) -> Result<HandOver, Failure> {
    let config = configuration(context).await?;
    let aggregator = StackFunction::Aggregator.component();
    let function = format!("{}-{aggregator}", target.manager.name());
    let begun = HandOver::begin(&config, &function, HAND_OVER).await;
    begun.map_err(|error| match error {
        OpsError::StreamStopped { .. } => Failure::Aws(error.to_string()),
        error => Failure::Aws(format!("{error}; nothing was changed")),
    })
}

/// Returns the failure for a stream that does not go on.
fn stopped(hand_over: &HandOver, error: &OpsError) -> Failure {
    Failure::Aws(format!("{error}; {}", told(hand_over)))
}

/// Says how a stream goes on.
fn told(hand_over: &HandOver) -> String {
    let sources = hand_over.found().iter();
    let commands: Vec<String> = sources
        .map(|source| {
            format!(
                "`aws lambda update-event-source-mapping --enabled --uuid {}`",
                source.id
            )
        })
        .collect();
    if commands.is_empty() {
        return "the aggregator has no stream".to_owned();
    }
    format!(
        "the stream is stopped, and goes on with {}",
        commands.join(" and ")
    )
}
