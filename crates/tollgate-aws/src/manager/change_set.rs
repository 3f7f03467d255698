//! Change sets: plans of updates, and their execution.

use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, Parameter, Tag};

use super::{
    create::{IMPORTED, unfinished},
    deployed::DeployedStack,
    error::DeployError,
    plan::{ParameterChange, Plan, ResourceChange},
    request::{ParameterUpdate, parameters_of, tags_of},
    stack_manager::{StackManager, TOKEN_PREFIX, new_token},
    wait::Operation,
};
use crate::{options::StackDefinition, template::Template};

/// The reasons that CloudFormation tells if a change set has no changes.
const NO_CHANGES: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

const PLANNING: &str = "planning the update";

/// A change set that is to be made.
struct Request {
    kind: ChangeSetType,
    template: Template,
    parameters: Vec<Parameter>,
    changes: Vec<ParameterChange>,
    tags: Vec<Tag>,
}

impl StackManager {
    /// Plans the creation of a stack that does not exist. CloudFormation shows it as a stack in the
    /// status `REVIEW_IN_PROGRESS`, which [`discard`](Self::discard) deletes.
    pub(super) async fn plan_creation(
        &self,
        definition: &StackDefinition,
    ) -> Result<Plan, DeployError> {
        self.plan_new(parameters_of(definition, &[]), definition)
            .await
    }

    /// Plans the creation of a stack with these parameters. A table that exists is taken in, if that is
    /// wanted.
    pub(super) async fn plan_new(
        &self,
        parameters: Vec<Parameter>,
        definition: &StackDefinition,
    ) -> Result<Plan, DeployError> {
        let template = if self.imports_table {
            Template::new().with_table_name(self.name())
        } else {
            Template::new()
        };
        let mut tags = tags_of(definition);
        if self.imports_table {
            tags.push(unfinished(IMPORTED));
        }
        let request = Request {
            kind: ChangeSetType::Create,
            template,
            parameters,
            changes: Vec::new(),
            tags,
        };
        let plan = self.plan(request).await?;
        plan.ok_or_else(|| DeployError::AlreadyExists {
            stack: self.name().to_owned(),
        })
    }

    /// Plans an update. Returns `None` if nothing would change.
    pub(super) async fn plan_update(
        &self,
        current: &DeployedStack,
        base: Option<&StackDefinition>,
        wanted: &StackDefinition,
    ) -> Result<Option<Plan>, DeployError> {
        let update = ParameterUpdate::new(&current.parameters, base, wanted);
        self.plan(Request {
            kind: ChangeSetType::Update,
            template: Template::new(),
            parameters: update.parameters,
            changes: update.changes,
            tags: tags_of(wanted),
        })
        .await
    }

    async fn plan(&self, request: Request) -> Result<Option<Plan>, DeployError> {
        let is_new = request.kind == ChangeSetType::Create;
        let makes_entry = is_new && self.describe().await?.is_none();
        let created = self
            .client
            .create_change_set()
            .stack_name(self.name())
            .change_set_name(new_token())
            .change_set_type(request.kind)
            .template_body(request.template.to_compact_json()?)
            .set_import_existing_resources((is_new && self.imports_table).then_some(true))
            .capabilities(Capability::CapabilityNamedIam)
            .set_parameters(Some(request.parameters))
            .set_tags(Some(request.tags))
            .send()
            .await
            .map_err(DeployError::call(PLANNING))?;
        let mut plan = Plan {
            resources: Vec::new(),
            parameters: request.changes,
            is_new,
            makes_entry,
            change_set: created.id().unwrap_or_default().to_owned(),
            stack: created.stack_id().unwrap_or_default().to_owned(),
        };
        let planned = self.planned(&mut plan).await;
        if planned.map_err(|error| error.of_plan(self.name()))? {
            return Ok(Some(plan));
        }
        self.discard(plan).await?;
        Ok(None)
    }

    /// Waits until a change set is made, and reads it. Returns false if it has no changes.
    async fn planned(&self, plan: &mut Plan) -> Result<bool, DeployError> {
        let (begun, mut pause) = Self::first_pause();
        loop {
            let describe = self.client.describe_change_set();
            let described = describe.change_set_name(&plan.change_set).send().await;
            let described =
                DeployError::unless_passing(described.map_err(DeployError::call(PLANNING)))?;
            let Some(described) = described else {
                self.pause("updating", begun, &mut pause).await?;
                continue;
            };
            match described.status() {
                Some(ChangeSetStatus::CreateComplete) => {
                    if let Some(resources) = DeployError::unless_passing(self.read(plan).await)? {
                        plan.resources = resources;
                        return Ok(true);
                    }
                    self.pause("updating", begun, &mut pause).await?;
                }
                Some(ChangeSetStatus::Failed) => {
                    let reason = described.status_reason().unwrap_or_default();
                    if NO_CHANGES.iter().any(|text| reason.contains(text)) {
                        return Ok(false);
                    }
                    let _ = self.discard(plan.clone()).await;
                    return Err(DeployError::told(PLANNING, reason));
                }
                _ => self.pause("updating", begun, &mut pause).await?,
            }
        }
    }

    /// Reads the changes of all pages.
    async fn read(&self, plan: &Plan) -> Result<Vec<ResourceChange>, DeployError> {
        let mut resources = Vec::new();
        let describe = self.client.describe_change_set();
        let describe = describe.change_set_name(&plan.change_set);
        let mut pages = describe.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(DeployError::call(PLANNING))?;
            let changes = page.changes().iter();
            let changes = changes.filter_map(|change| change.resource_change());
            resources.extend(changes.map(ResourceChange::read));
        }
        Ok(resources)
    }

    /// Executes a plan, and waits until it is done.
    pub(super) async fn execute(&self, plan: &Plan) -> Result<(), DeployError> {
        let newest = self.newest_event(&plan.stack).await?;
        self.client
            .execute_change_set()
            .change_set_name(&plan.change_set)
            .client_request_token(new_token())
            // Parts that a failed update has made are not kept, also if their policy is to keep them.
            .set_retain_except_on_create((!plan.is_new).then_some(true))
            .send()
            .await
            .map_err(DeployError::call("updating the stack"))
            .map_err(|error| error.of_plan(self.name()))?;
        let (action, wanted): (_, &[&str]) = if plan.is_new {
            ("creating", &["CREATE_COMPLETE", "IMPORT_COMPLETE"])
        } else {
            ("updating", &["UPDATE_COMPLETE"])
        };
        self.wait(Operation {
            action,
            id: &plan.stack,
            after: newest.as_deref(),
            wanted,
        })
        .await
    }

    /// Returns true if all plans of a stack in review are those of deployments.
    pub(super) async fn is_planned_by_deployments(&self, id: &str) -> Result<bool, DeployError> {
        let sets = self.client.list_change_sets().stack_name(id).send().await;
        let sets = sets.map_err(DeployError::call("listing the plans of the stack"))?;
        let is_own = |name: &str| name.starts_with(TOKEN_PREFIX);
        let mut sets = sets.summaries().iter();
        Ok(sets.all(|set| set.change_set_name().is_some_and(is_own)))
    }

    /// Deletes a plan. Nothing was changed. The entry that CloudFormation keeps for a planned stack is
    /// deleted too, unless somebody else has planned that stack before, or has made it meanwhile.
    ///
    /// # Errors
    /// [`DeployError::Call`].
    pub async fn discard(&self, plan: Plan) -> Result<(), DeployError> {
        let deletion = self.client.delete_change_set();
        let deletion = deletion.change_set_name(&plan.change_set).send().await;
        deletion.map_err(DeployError::call("deleting the plan"))?;
        if !plan.makes_entry {
            return Ok(());
        }
        match self.describe_by(&plan.stack).await? {
            // Its events are no change of a stack: nobody is told.
            Some(stack) if stack.is_planned() => {
                self.clone().on_event(|_| {}).delete_by(&stack.id).await
            }
            _ => Ok(()),
        }
    }
}
