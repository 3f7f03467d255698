//! The place of a stack: an endpoint, or a region.

use std::env;

use aws_config::SdkConfig;
use tollgate::{Error, error::StackError};
use tollgate_ops::functions::configured_endpoint;

use crate::{
    failure::Failure,
    options::{self, Options},
    proxy,
};

/// The variables that name the endpoint of DynamoDB. The first counts more.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];

/// Describes the place, for people: `in region eu-west-1`.
pub(crate) fn place(config: &SdkConfig) -> String {
    // The SDK reads the variable only when it makes a client, and only if no argument counts more.
    let is_argument = config.get_origin("endpoint_url").is_client_config();
    let endpoint = env::var(ENDPOINTS[0]).ok().filter(|_| !is_argument);
    let endpoint = endpoint.or_else(|| config.endpoint_url().map(str::to_owned));
    let place = match (endpoint, config.region()) {
        (Some(endpoint), _) => format!("at {endpoint}"),
        (None, Some(region)) => format!("in region {region}"),
        (None, None) => "in no region".to_owned(),
    };
    match proxy::variable() {
        Some(variable) => format!("{place} ({variable} is set)"),
        None => place,
    }
}

/// Checks that another service, by its id such as `CloudFormation`, is asked at the same place as
/// DynamoDB: a stack of the same name may be in another place too.
///
/// # Errors
/// A text that names both places, and says what to do.
pub(crate) fn same_endpoint(config: &SdkConfig, service: &'static str) -> Result<(), String> {
    let table = own_endpoint(config, DYNAMODB);
    let other = own_endpoint(config, service);
    if table == other {
        return Ok(());
    }
    Err(apart(config, (table, other), service))
}

/// Checks that both DynamoDB and another service have endpoints of their own, or none of the two:
/// that one of them is emulated, and the other one is of AWS, is a mistake.
///
/// # Errors
/// A text that names both places, and says what to do.
pub(crate) fn same_kind(config: &SdkConfig, service: &'static str) -> Result<(), String> {
    let table = own_endpoint(config, DYNAMODB);
    let other = own_endpoint(config, service);
    if table.is_some() == other.is_some() {
        return Ok(());
    }
    Err(apart(config, (table, other), service))
}

/// The id of DynamoDB.
const DYNAMODB: &str = "DynamoDB";

fn apart(
    config: &SdkConfig,
    (table, other): (Option<String>, Option<String>),
    service: &str,
) -> String {
    let region = config.region().map_or("no region", AsRef::as_ref);
    let shown = |endpoint: Option<String>| endpoint.unwrap_or(format!("AWS, region {region}"));
    let variable = service.to_uppercase().replace(' ', "_");
    format!(
        "DynamoDB would be asked at {}, and {service} at {}: set AWS_ENDPOINT_URL or --endpoint-url for all services, or unset \
         AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_{variable}",
        shown(table),
        shown(other)
    )
}

/// Returns the endpoint of a service. `None` if it is one of AWS in the region, such as that of a
/// VPC.
fn own_endpoint(config: &SdkConfig, service: &'static str) -> Option<String> {
    let endpoint = configured_endpoint(config, service)?;
    let endpoint = endpoint.trim_end_matches('/').to_ascii_lowercase();
    let authority = endpoint.split_once("://").map_or("", |(_, rest)| rest);
    let host = authority.split(['/', ':']).next().unwrap_or_default();
    let is_of_aws = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
        .iter()
        .any(|end| host.ends_with(end));
    let region = config.region().map(AsRef::as_ref);
    let is_here = region.is_some_and(|region| host.split('.').any(|part| part == region));
    (!(is_of_aws && is_here)).then_some(endpoint)
}

/// Checks the endpoints of the environment: the SDK panics if one is empty.
pub(crate) fn check_endpoints(options: &Options) -> Result<(), Failure> {
    if options.endpoint_url.is_some() {
        return Ok(());
    }
    for variable in ENDPOINTS {
        let Some(endpoint) = env::var_os(variable) else {
            continue;
        };
        options::endpoint(&endpoint.to_string_lossy())
            .map_err(|wrong| Failure::Usage(format!("{variable}: {wrong}; or unset it")))?;
    }
    Ok(())
}

/// Checks the region, whatever it comes from: the SDK tells a wrong one in its own terms.
pub(crate) fn check_region(config: &SdkConfig) -> Result<(), Failure> {
    let Some(region) = config.region().map(AsRef::as_ref) else {
        return Ok(());
    };
    if region.is_empty() {
        return Err(Error::from(StackError::NoRegion).into());
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if region.chars().all(fits) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{region:?} is no region: set one such as eu-west-1 by --region or AWS_REGION"
    )))
}
