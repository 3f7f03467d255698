//! The place of a stack: an endpoint, or a region.

use std::env;

use aws_config::SdkConfig;
use tollgate::{Error, error::StackError};

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
