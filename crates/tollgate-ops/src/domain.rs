//! The domains and hosts of AWS.

use aws_types::SdkConfig;

/// The domains of regions whose names begin with these words. All others are in `amazonaws.com`.
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// Returns the domain in which the services of a region have their names.
pub(crate) fn domain(region: &str) -> &'static str {
    let found = DOMAINS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, domain)| domain)
}

/// Returns the host of a service in a region, as `config` wants it: one that meets FIPS, one that is
/// also reached over IPv6.
pub(crate) fn host(service: &str, config: &SdkConfig, region: &str) -> String {
    let fips = if config.use_fips() == Some(true) {
        "-fips"
    } else {
        ""
    };
    let is_dual = config.use_dual_stack() == Some(true);
    let domain = domain(region);
    match (service, domain) {
        // Elsewhere no host of two stacks is known.
        ("s3", _) if is_dual => format!("s3{fips}.dualstack.{region}.{domain}"),
        (_, "amazonaws.com") if is_dual => format!("{service}{fips}.{region}.api.aws"),
        (_, "amazonaws.com.cn") if is_dual => {
            format!("{service}{fips}.{region}.api.amazonwebservices.com.cn")
        }
        _ => format!("{service}{fips}.{region}.{domain}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_that_the_configuration_wants() {
        let told = |service, fips, dual, region| {
            let config = SdkConfig::builder().use_fips(fips).use_dual_stack(dual);
            host(service, &config.build(), region)
        };
        for (service, fips, dual, region, wanted) in [
            (
                "s3",
                false,
                false,
                "eu-west-1",
                "s3.eu-west-1.amazonaws.com",
            ),
            (
                "s3",
                true,
                false,
                "us-gov-west-1",
                "s3-fips.us-gov-west-1.amazonaws.com",
            ),
            (
                "s3",
                true,
                true,
                "us-east-1",
                "s3-fips.dualstack.us-east-1.amazonaws.com",
            ),
            (
                "logs",
                false,
                false,
                "cn-north-1",
                "logs.cn-north-1.amazonaws.com.cn",
            ),
            (
                "lambda",
                true,
                false,
                "us-east-2",
                "lambda-fips.us-east-2.amazonaws.com",
            ),
            (
                "lambda",
                false,
                true,
                "us-east-2",
                "lambda.us-east-2.api.aws",
            ),
        ] {
            assert_eq!(told(service, fips, dual, region), wanted);
        }
    }
}
