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
    /// Returns the endpoint: that of the configuration; else that which variables or profiles name
    /// for the service, or for all services; else that of AWS in the region.
    pub(super) fn endpoint(self, config: &SdkConfig, region: &str) -> String {
        let all = || config.endpoint_url().map(str::to_owned);
        let endpoint = if config.get_origin("endpoint_url").is_client_config() {
            all()
        } else {
            self.configured(config).or_else(all)
        };
        match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}", host(self.name, config, region)),
        }
    }

    fn configured(self, config: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        config.service_config()?.load_config(key)
    }
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
