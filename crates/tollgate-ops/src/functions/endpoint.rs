//! Endpoints of services.

use aws_types::{SdkConfig, service_config::ServiceConfigKey};

use crate::domain::host;

/// A service of AWS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// The name by which requests are signed, which also begins the host's name.
    pub(super) name: &'static str,
    /// The id by which variables and profiles name the service.
    pub(super) id: &'static str,
}

impl Service {
    /// Returns the endpoint: that which is configured; else that of AWS in the region.
    pub(super) fn endpoint(self, config: &SdkConfig, region: &str) -> String {
        match configured_endpoint(config, self.id) {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}", host(self.name, config, region)),
        }
    }
}

/// Returns the endpoint that is configured for a service, whose id is as the SDK names it, such as
/// `CloudFormation`: that of the configuration; else that which variables or profiles name for the
/// service, or for all services. `None` if the service is asked at the endpoint of AWS in the region.
pub fn configured_endpoint(config: &SdkConfig, service: &'static str) -> Option<String> {
    let all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return all();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let own = key.and_then(|key| config.service_config()?.load_config(key));
    own.or_else(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_that_of_the_configuration_or_of_the_region() {
        let service = Service {
            name: "logs",
            id: "CloudWatch Logs",
        };
        let none = SdkConfig::builder().build();
        let told = |region| service.endpoint(&none, region);
        assert_eq!(told("eu-west-1"), "https://logs.eu-west-1.amazonaws.com");
        assert_eq!(
            told("cn-north-1"),
            "https://logs.cn-north-1.amazonaws.com.cn"
        );
        let own = SdkConfig::builder().endpoint_url("http://127.0.0.1:4566/");
        let endpoint = service.endpoint(&own.build(), "eu-west-1");
        assert_eq!(endpoint, "http://127.0.0.1:4566");
    }
}
