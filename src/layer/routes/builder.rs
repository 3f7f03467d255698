//! The builder of a table of routes.

use super::{
    InvalidRoutes, Route, Routes,
    route::CheckedRoute,
    table::{Rule, Table},
};
use crate::layer::Policy;

/// Builds [`Routes`]: rows in the order in which they are tried, and the rule for requests that
/// match no row.
#[derive(Debug, Default)]
#[must_use = "a table is finished by what holds otherwise"]
pub struct RoutesBuilder {
    rows: Vec<(Route, Rule)>,
}

impl RoutesBuilder {
    /// Limits the requests of `route` by `policy`, unless an earlier row matches them.
    pub fn route(mut self, route: Route, policy: Policy) -> Self {
        self.rows.push((route, Rule::Limited(policy)));
        self
    }

    /// Lets the requests of `route` pass unlimited, unless an earlier row matches them. A
    /// [`path`](Route::path) must match exactly: `/healthz/` does not match `/healthz`, and later
    /// rows are tried. Handlers get a [`LeaseHandle`](crate::layer::LeaseHandle) that charges
    /// nothing, in place of the handle of an outer layer, unless all policies of the table are
    /// [`without_handle`](crate::layer::PolicyBuilder::without_handle).
    pub fn unlimited(mut self, route: Route) -> Self {
        self.rows.push((route.exact(), Rule::Unlimited));
        self
    }

    /// Checks and builds the table. Requests that no row matches are limited by `policy`.
    ///
    /// # Errors
    /// [`InvalidRoutes`] if a template is invalid, or if a row can never be reached.
    pub fn otherwise(self, policy: Policy) -> Result<Routes, InvalidRoutes> {
        self.finish(Rule::Limited(policy))
    }

    /// Checks and builds the table. Requests that no row matches pass unlimited.
    ///
    /// # Errors
    /// Like [`otherwise`](Self::otherwise).
    pub fn otherwise_unlimited(self) -> Result<Routes, InvalidRoutes> {
        self.finish(Rule::Unlimited)
    }

    fn finish(self, otherwise: Rule) -> Result<Routes, InvalidRoutes> {
        let mut rows: Vec<(CheckedRoute, Rule)> = Vec::with_capacity(self.rows.len());
        for (route, rule) in self.rows {
            let row = route.check()?;
            if let Some((earlier, _)) = rows.iter().find(|(earlier, _)| earlier.covers(&row)) {
                return Err(InvalidRoutes::Unreachable {
                    route: row.to_string(),
                    earlier: earlier.to_string(),
                });
            }
            rows.push((row, rule));
        }
        Ok(Table::new(rows, otherwise).into())
    }
}
