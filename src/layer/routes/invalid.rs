//! What is wrong with a table.

/// A table that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoutes {
    /// A path's template is none.
    #[error("the path template {template:?} {problem}")]
    Template {
        /// The template.
        template: String,
        /// What is wrong with it.
        problem: TemplateProblem,
    },
    /// An earlier row takes all requests of a later one.
    #[error("the row {route:?} is never reached: the earlier row {earlier:?} takes all its requests")]
    Unreachable {
        /// The row that is not reached.
        route: String,
        /// The row before it.
        earlier: String,
    },
}

/// What is wrong with a path's template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateProblem {
    /// It does not begin with a slash.
    #[error("does not begin with a slash")]
    NoSlash,
    /// It has a query or a fragment, which no path has.
    #[error("has a query or a fragment")]
    Query,
    /// It reads in more than one way: it has empty segments, dot segments, a `;`, a control character, or characters
    /// encoded that need not be. No request would match it in all readings.
    #[error("is not normalised")]
    NotNormalised,
    /// A brace stands where no parameter is: `{{` and `}}` are braces themselves, and a parameter is a
    /// whole segment.
    #[error("has a parameter that is not a whole segment, or a stray brace")]
    Brace,
    /// A parameter has no name.
    #[error("has a parameter without a name")]
    NoName,
    /// A `{*name}` is not its end, or stands in a prefix, which has an open end by itself.
    #[error("has a wildcard that is not the end of a whole path")]
    Wildcard,
}
