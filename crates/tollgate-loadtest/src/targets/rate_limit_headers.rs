//! The headers that say how many requests are left.

use http::HeaderMap;

/// The headers whose value is a number.
const NUMBERS: [&str; 4] = [
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "anthropic-ratelimit-requests-remaining",
];

/// The names of that number in `RateLimit`: in drafts from 8 on, and in the seventh.
const NAMES: [&str; 2] = ["r=", "remaining="];

/// Returns the lowest number of requests that the headers say are left.
pub(super) fn remaining(headers: &HeaderMap) -> Option<u64> {
    let numbers = NUMBERS.iter().flat_map(|name| headers.get_all(*name));
    let numbers = numbers.filter_map(|value| value.to_str().ok()?.trim().parse().ok());
    // `"rpm";r=59;t=1, "tpm";r=900;t=1`
    let policies = headers.get_all("ratelimit").iter();
    let policies = policies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([';', ',']))
        .filter_map(|part| {
            let mut values = NAMES
                .iter()
                .filter_map(|name| part.trim().strip_prefix(name));
            values.next()?.parse().ok()
        });
    numbers.chain(policies).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_of_all_dialects_is_read() {
        let found = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            remaining(&headers)
        };
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("x-ratelimit-remaining", "7")]), Some(7));
        assert_eq!(found(&[("x-ratelimit-remaining", "many")]), None);
        let ietf = ("ratelimit", "\"rpm\";r=59;t=1, \"tpm\";r=9;t=1");
        assert_eq!(found(&[ietf]), Some(9));
        assert_eq!(found(&[ietf, ("ratelimit-remaining", "3")]), Some(3));
        let seventh = ("ratelimit", "limit=100, remaining=50, reset=5");
        assert_eq!(found(&[seventh]), Some(50));
    }
}
