//! The table of rows, and the search for the rule of a request.

use std::{fmt, sync::Arc};

use super::{
    reading,
    route::{CheckedRoute, RouteMatcher},
};
use crate::layer::{MissingKey, Policy, RequestHead, request::extensions::Unlimited};

/// The rule for a request.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Limited(Policy),
    Unlimited,
}

impl Rule {
    fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Limited(policy) => Some(policy),
            Self::Unlimited => None,
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Limited(one), Self::Limited(two)) => Arc::ptr_eq(&one.rules, &two.rules),
            (Self::Unlimited, Self::Unlimited) => true,
            _ => false,
        }
    }
}

/// A table of rows. The rule of the first row that matches applies, or else the last rule.
pub(super) struct Table {
    rows: Box<[(CheckedRoute, Rule)]>,
    otherwise: Rule,
    /// True if any row is compared with the path that was sent.
    reads_paths: bool,
    /// The extensions that handlers of unlimited requests get, by the policies of all rows
    /// together.
    unlimited: Unlimited,
}

impl Table {
    pub(super) fn new(rows: Vec<(CheckedRoute, Rule)>, otherwise: Rule) -> Self {
        let reads_paths = rows
            .iter()
            .any(|(row, _)| matches!(row.matcher, RouteMatcher::Path(_)));
        let policies = rows
            .iter()
            .map(|(_, rule)| rule)
            .chain([&otherwise])
            .filter_map(Rule::policy);
        let unlimited = policies
            .map(Unlimited::by)
            .fold(Unlimited::default(), Unlimited::or);
        Self {
            rows: rows.into(),
            otherwise,
            reads_paths,
            unlimited,
        }
    }

    pub(super) fn unlimited(&self) -> Unlimited {
        self.unlimited
    }

    pub(super) fn policy(&self, head: &RequestHead<'_>) -> Result<Option<&Policy>, MissingKey> {
        Ok(self.rule(head)?.policy())
    }

    /// Returns the policies of all rows and of the last rule.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        let rules = self
            .rows
            .iter()
            .map(|(_, rule)| rule)
            .chain([&self.otherwise]);
        rules.filter_map(|rule| match rule {
            Rule::Limited(policy) => Some(policy),
            Rule::Unlimited => None,
        })
    }

    fn rule(&self, head: &RequestHead<'_>) -> Result<&Rule, MissingKey> {
        let path = sent_path(head).as_bytes();
        if !self.reads_paths || reading::is_plain(path) {
            return self.first(head, path);
        }
        let readings = reading::readings(path).unwrap_or_default();
        let mut rules = readings.iter().map(|path| self.first(head, path));
        if let Some(rule) = rules.next().transpose()? {
            let mut alike = true;
            for other in rules {
                alike &= rule.is(other?);
            }
            if alike {
                return Ok(rule);
            }
        }
        Err(MissingKey::absent("path: it reads in two ways"))
    }

    fn first(&self, head: &RequestHead<'_>, path: &[u8]) -> Result<&Rule, MissingKey> {
        for (row, rule) in &self.rows {
            if row.matches(head, path)? {
                return Ok(rule);
            }
        }
        Ok(&self.otherwise)
    }
}

/// Returns the path as the client sent it.
fn sent_path<'a>(head: &RequestHead<'a>) -> &'a str {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = head.extensions.get() {
        return uri.path();
    }
    head.uri.path()
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = f.debug_map();
        for (row, rule) in &self.rows {
            table.entry(row, rule);
        }
        table
            .entry(&format_args!("otherwise"), &self.otherwise)
            .finish()
    }
}
