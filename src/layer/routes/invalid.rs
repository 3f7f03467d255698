//! The errors of the builder of a table of routes.

/// The error for a table that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoutes {
    /// The template of a path is invalid.
    #[error("the path template {template:?} {problem}")]
    Template {
        /// The template.
        template: String,
        /// The reason why it is invalid.
        problem: TemplateProblem,
    },
    /// A row is never reached, because an earlier row matches all its requests.
    #[error(
        "the row {route:?} is never reached: the earlier row {earlier:?} takes all its requests"
    )]
    Unreachable {
        /// The row that is never reached.
        route: String,
        /// The earlier row.
        earlier: String,
    },
}

/// The reason why the template of a path is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateProblem {
    /// The template does not begin with a slash.
    #[error("does not begin with a slash")]
    NoSlash,
    /// The template has a query or a fragment, which no path has.
    #[error("has a query or a fragment")]
    Query,
    /// The template can be read in more than one way: it has empty segments, dot segments, a `;`, a
    /// control character, or characters that are encoded without need. No request would match it in
    /// all readings.
    #[error("is not normalised")]
    NotNormalised,
    /// The template has a brace that does not belong to a parameter, or a parameter that is not a
    /// whole segment. A literal brace is written `{{` or `}}`.
    #[error("has a parameter that is not a whole segment, or a stray brace")]
    Brace,
    /// A segment begins with `:` or `*`, as parameters of axum did before 0.8. axum refuses such
    /// paths too.
    #[error("has a segment that begins with `:` or `*`: write `{{name}}` or `{{*name}}`")]
    OldParameter,
    /// A parameter has no name.
    #[error("has a parameter without a name")]
    NoName,
    /// A `{*name}` is not at the end of the template, or is in a prefix, which has an open end
    /// without it.
    #[error("has a wildcard that is not the end of a whole path")]
    Wildcard,
}
