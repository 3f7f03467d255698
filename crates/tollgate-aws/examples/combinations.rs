//! Writes the template, as YAML and as JSON, what is left of it for each combination of its
//! conditions, and a template of limits, into a folder: for cfn-lint.
//!
//! usage: combinations FOLDER

#[path = "../tests/aws/template/resolved.rs"]
mod resolved;
#[path = "../tests/aws/template/switches.rs"]
mod switches;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fs,
    path::PathBuf,
};

use resolved::{Resolved, template};
use serde_json::{Value, json};
use switches::combinations;
use tollgate::model::StackName;
use tollgate_aws::{LimitsTemplate, Template};
use tollgate_manifest::Manifest;

/// A file with every key.
const LIMITS: &str = include_str!("../tests/aws/template/limits.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: combinations FOLDER")?;
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("template.yaml"), Template::new().to_yaml()?)?;
    fs::write(folder.join("template.json"), Template::new().to_json()?)?;
    let manifest = Manifest::parse("limits.yaml", LIMITS)?;
    let limits = LimitsTemplate::new(&StackName::new("rate-limits")?, &manifest, true);
    fs::write(folder.join("limits.yaml"), limits.to_yaml()?)?;
    fs::write(folder.join("limits.json"), limits.to_json()?)?;
    let template = template();
    // Some combinations leave the same: a stack without alarms has no topic.
    let documents: BTreeSet<String> = combinations()
        .map(|values| document(&Resolved::new(&template, &values)).to_string())
        .collect();
    for (number, document) in documents.iter().enumerate() {
        fs::write(
            folder.join(format!("combination-{number:04}.json")),
            document,
        )?;
    }
    println!(
        "wrote {} combinations to {}",
        documents.len(),
        folder.display()
    );
    Ok(())
}

/// Returns the template without parameters and conditions.
fn document(resolved: &Resolved<'_>) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": without_conditions(resolved.resources()),
        "Outputs": without_conditions(resolved.outputs()),
    })
}

fn without_conditions(entries: BTreeMap<String, Value>) -> Value {
    let without = |(id, mut entry): (String, Value)| {
        if let Some(fields) = entry.as_object_mut() {
            fields.remove("Condition");
        }
        (id, entry)
    };
    Value::Object(entries.into_iter().map(without).collect())
}
