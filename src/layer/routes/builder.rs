//! Building a table.

use super::{
    InvalidRoutes, Route, Routes,
    route::Row,
    table::{Rule, Table},
};
use crate::layer::Policy;

/// Builds [`Routes`]: rows in the order in which they are tried, and at the end what holds otherwise.
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
    /// [`path`](Route::path) is exact: `/healthz/` is not `/healthz`, and goes on to later rows. Their handlers
    /// find a [`LeaseHandle`](crate::layer::LeaseHandle) that charges nothing, instead of one of a layer further out,
    /// unless all policies of the table are [`without_handle`](crate::layer::PolicyBuilder::without_handle).
    pub fn unlimited(mut self, route: Route) -> Self {
        self.rows.push((route.exact(), Rule::Unlimited));
        self
    }

    /// The table, checked. Requests that no row matches are limited by `policy`.
    ///
    /// # Errors
    /// [`InvalidRoutes`]: a template is none, or a row can never be reached.
    pub fn otherwise(self, policy: Policy) -> Result<Routes, InvalidRoutes> {
        self.finish(Rule::Limited(policy))
    }

    /// The table, checked. Requests that no row matches pass unlimited.
    ///
    /// # Errors
    /// As [`otherwise`](Self::otherwise).
    pub fn otherwise_unlimited(self) -> Result<Routes, InvalidRoutes> {
        self.finish(Rule::Unlimited)
    }

    fn finish(self, otherwise: Rule) -> Result<Routes, InvalidRoutes> {
        let mut rows: Vec<(Row, Rule)> = Vec::with_capacity(self.rows.len());
        for (route, rule) in self.rows {
            let row = route.check()?;
            if let Some((earlier, _)) = rows.iter().find(|(earlier, _)| earlier.covers(&row)) {
                return Err(InvalidRoutes::Unreachable { route: row.to_string(), earlier: earlier.to_string() });
            }
            rows.push((row, rule));
        }
        Ok(Table::new(rows, otherwise).into())
    }
}
