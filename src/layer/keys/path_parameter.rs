//! Keys from path parameters.

use std::borrow::Cow;

use axum::extract::{MatchedPath, OriginalUri};
use percent_encoding::percent_decode;

use super::{Key, KeyExtractor, MissingKey, matched_path::UNMATCHED};
use crate::{error::code, layer::RequestHead};

/// The extractor that [`path_parameter`] returns.
#[derive(Clone, Debug)]
pub struct PathParameter {
    name: Cow<'static, str>,
}

/// Extracts the part of the path that axum's route calls `name`, percent-decoded: `id` in
/// `/users/{id}`, `rest` in `/files/{*rest}`. If routers are nested, the whole path counts. It does
/// not matter which router has the layer.
///
/// Use it with `Router::route_layer`, on routes that have the parameter. A route without it is a
/// misconfiguration of the server, answered with 500. With `Router::layer`, the key of a request
/// that matches no route is missing.
pub fn path_parameter(name: impl Into<Cow<'static, str>>) -> PathParameter {
    PathParameter { name: name.into() }
}

impl KeyExtractor for PathParameter {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let original = head.extensions.get::<OriginalUri>();
        let Some(template) = head
            .extensions
            .get::<MatchedPath>()
            .map(MatchedPath::as_str)
        else {
            if original.is_some() {
                return Err(MissingKey::absent(UNMATCHED));
            }
            return Err(MissingKey::mistake(
                code::NO_MATCHED_PATH,
                format!(
                    "the request has no matched path with a parameter {}: add the rate limit layer with Router::route_layer",
                    self.name
                ),
            ));
        };
        // A nested router sees only the rest of the path, but the template is that of the whole
        // path.
        let uri = original.map_or(head.uri, |OriginalUri(uri)| uri);
        match find(template, uri.path(), &self.name) {
            Ok(Some(value)) => Ok(Key::untrusted(Cow::from(percent_decode(value.as_bytes())))),
            Ok(None) => Err(MissingKey::mistake(
                code::NO_PATH_PARAMETER,
                format!(
                    "the route {template} has no parameter {}: add the rate limit layer to routes that have it",
                    self.name
                ),
            )),
            Err(NoMatch) => Err(MissingKey::mistake(
                code::PATH_CHANGED,
                format!(
                    "the request's path is not one of the route {template}: no middleware may change it before the rate limit layer"
                ),
            )),
        }
    }
}

struct NoMatch;

/// Returns the part of `path` that the parameter `name` of `template` matches. If two parameters
/// have the name, the first one counts.
fn find<'a>(mut template: &str, mut path: &'a str, name: &str) -> Result<Option<&'a str>, NoMatch> {
    let mut found = None;
    while let Some(literal) = template.chars().next() {
        let rest = template.get(literal.len_utf8()..).unwrap_or_default();
        match literal {
            '{' if !rest.starts_with('{') => {
                let (parameter, after) = rest.split_once('}').ok_or(NoMatch)?;
                let (parameter, length) = match parameter.strip_prefix('*') {
                    Some(parameter) => (parameter, path.len()),
                    None => (parameter, path.find('/').unwrap_or(path.len())),
                };
                let (value, remaining) = path.split_at_checked(length).ok_or(NoMatch)?;
                if parameter == name && found.is_none() {
                    found = Some(value);
                }
                (template, path) = (after, remaining);
            }
            _ => {
                // `{{` and `}}` are escaped braces.
                let doubled = matches!(literal, '{' | '}') && rest.starts_with(literal);
                template = if doubled {
                    rest.get(1..).unwrap_or_default()
                } else {
                    rest
                };
                path = path.strip_prefix(literal).ok_or(NoMatch)?;
            }
        }
    }
    if path.is_empty() {
        Ok(found)
    } else {
        Err(NoMatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(template: &str, path: &'a str, name: &str) -> Option<Option<&'a str>> {
        find(template, path, name).ok()
    }

    #[test]
    fn the_parameter_that_the_route_names_is_found() {
        assert_eq!(value("/users/{id}", "/users/7", "id"), Some(Some("7")));
        assert_eq!(value("/users/{id}", "/users/7", "name"), Some(None));
        assert_eq!(value("/{a}/x/{b}/", "/1/x/2/", "b"), Some(Some("2")));
        assert_eq!(
            value("/files/{*rest}", "/files/a/b//c", "rest"),
            Some(Some("a/b//c"))
        );
        assert_eq!(
            value("/v{version}/{*rest}", "/v2/a", "version"),
            Some(Some("2"))
        );
        assert_eq!(value("/{{id}}/{id}", "/{id}/7", "id"), Some(Some("7")));
        assert_eq!(value("/{id}", "/é", "id"), Some(Some("é")));
    }

    #[test]
    fn a_path_of_another_route_has_no_parameter() {
        for (template, path) in [
            ("/users/{id}", "/user/7"),
            ("/users/{id}", "/users"),
            ("/users/{id}", "/users/7/more"),
            ("/users", "/users/7"),
            ("/{id", "/7"),
            ("/{id}", ""),
        ] {
            assert_eq!(value(template, path, "id"), None, "{template} {path}");
        }
    }
}
