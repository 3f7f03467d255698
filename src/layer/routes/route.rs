//! The rows of a table of routes.

use std::{borrow::Cow, fmt};

use http::Method;

#[cfg(feature = "axum")]
use super::pattern;
use super::{
    InvalidRoutes,
    pattern::{PathPart, Pattern},
};
use crate::layer::{MissingKey, RequestHead};

/// The requests that a row of [`Routes`](super::Routes) matches.
///
/// An invalid template is reported when the table is [built](super::RoutesBuilder::otherwise).
///
/// ```
/// use http::Method;
/// use tollgate::layer::routes::Route;
///
/// let route = Route::path("/users/{id}").method(Method::PUT).method(Method::DELETE);
/// assert_eq!(route.to_string(), "PUT, DELETE /users/{id}");
/// ```
#[must_use = "a route does nothing until a table has it"]
pub struct Route {
    methods: Vec<Method>,
    matcher: Result<RouteMatcher, InvalidRoutes>,
    text: Cow<'static, str>,
}

/// A checked route.
pub(super) struct CheckedRoute {
    /// The methods that the route matches. Empty if it matches all methods.
    methods: Vec<Method>,
    pub(super) matcher: RouteMatcher,
    text: Cow<'static, str>,
}

pub(super) enum RouteMatcher {
    Anywhere,
    Path(Pattern),
    #[cfg(feature = "axum")]
    MatchedPath(Box<str>),
    Head(Box<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>),
}

impl Route {
    fn new(
        matcher: Result<RouteMatcher, InvalidRoutes>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            methods: Vec::new(),
            matcher,
            text: text.into(),
        }
    }

    /// Matches every request.
    pub fn any() -> Self {
        Self::new(Ok(RouteMatcher::Anywhere), "everything")
    }

    /// Matches requests whose whole path matches `template`. `{name}` stands for any one segment,
    /// `{*name}` at the end for one or more segments, `{{` and `}}` for braces. A slash at the end
    /// makes no difference, except in a row that is [unlimited](super::RoutesBuilder::unlimited).
    pub fn path(template: impl Into<String>) -> Self {
        let template = template.into();
        Self::new(
            Pattern::parse(&template, PathPart::Whole).map(RouteMatcher::Path),
            template,
        )
    }

    /// Matches requests whose path begins with the segments of `template`, or consists of them.
    pub fn prefix(template: impl Into<String>) -> Self {
        let template = template.into();
        let text = format!("{}/…", template.trim_end_matches('/'));
        Self::new(
            Pattern::parse(&template, PathPart::Prefix).map(RouteMatcher::Path),
            text,
        )
    }

    /// Matches requests that axum's router has matched to the route `template`: the text of
    /// [`axum::extract::MatchedPath`], with the prefixes of nested routers. The parameters may have
    /// other names. Every template that axum accepts is valid.
    ///
    /// If there is no router around the layer, requests that reach this row are answered with 500,
    /// and an error event is emitted. With `Router::layer`, a request for which the router has no
    /// route does not match, and the next row is tried. `Router::route_layer` does not see such a
    /// request at all.
    #[cfg(feature = "axum")]
    pub fn matched_path(template: impl Into<String>) -> Self {
        let template = template.into();
        let place = pattern::check_matched(&template)
            .map(|()| RouteMatcher::MatchedPath(template.clone().into()));
        Self::new(place, template)
    }

    /// Matches requests for which the closure returns `true`.
    pub fn matching(matches: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Ok(RouteMatcher::Head(Box::new(matches))), "a closure")
    }

    /// Adds a method that the route matches. A route without methods matches all of them. `GET`
    /// also matches `HEAD`.
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Makes a slash at the end of a whole path count.
    pub(super) fn exact(mut self) -> Self {
        if let Ok(RouteMatcher::Path(pattern)) = &mut self.matcher {
            pattern.exact();
        }
        self
    }

    pub(super) fn check(self) -> Result<CheckedRoute, InvalidRoutes> {
        Ok(CheckedRoute {
            methods: self.methods,
            matcher: self.matcher?,
            text: self.text,
        })
    }
}

impl CheckedRoute {
    pub(super) fn matches(&self, head: &RequestHead<'_>, path: &[u8]) -> Result<bool, MissingKey> {
        if !self.allows(head.method) {
            return Ok(false);
        }
        Ok(match &self.matcher {
            RouteMatcher::Anywhere => true,
            RouteMatcher::Path(pattern) => pattern.matches(path),
            #[cfg(feature = "axum")]
            RouteMatcher::MatchedPath(template) => matched(template, head)?,
            RouteMatcher::Head(matches) => matches(head),
        })
    }

    fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// Returns `true` if this row matches every request that `other` matches.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || (!other.methods.is_empty()
                && other.methods.iter().all(|method| self.allows(method)));
        methods
            && match (&self.matcher, &other.matcher) {
                (RouteMatcher::Anywhere, _) => true,
                (RouteMatcher::Path(one), RouteMatcher::Path(two)) => one.covers(two),
                #[cfg(feature = "axum")]
                (RouteMatcher::MatchedPath(one), RouteMatcher::MatchedPath(two)) => {
                    pattern::same_template(one, two)
                }
                _ => false,
            }
    }
}

#[cfg(feature = "axum")]
fn matched(template: &str, head: &RequestHead<'_>) -> Result<bool, MissingKey> {
    use axum::extract::{MatchedPath, OriginalUri};

    match head.extensions.get::<MatchedPath>() {
        Some(path) => Ok(pattern::same_template(template, path.as_str())),
        // A router has seen the request, but has no route for it.
        None if head.extensions.get::<OriginalUri>().is_some() => Ok(false),
        None => Err(MissingKey::mistake(
            crate::error::code::NO_MATCHED_PATH,
            "the request has no matched path: add the rate limit layer with Router::route_layer, \
             or match by Route::path",
        )),
    }
}

fn fmt_route(methods: &[Method], text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, method) in methods.iter().enumerate() {
        write!(f, "{}{method}", if index == 0 { "" } else { ", " })?;
    }
    write!(f, "{}{text}", if methods.is_empty() { "" } else { " " })
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_route(&self.methods, &self.text, f)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

impl fmt::Display for CheckedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_route(&self.methods, &self.text, f)
    }
}

impl fmt::Debug for CheckedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
