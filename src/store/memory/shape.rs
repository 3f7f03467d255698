//! The limits that many buckets have in common, stored once for all of them.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use super::home::{Home, Kin};
use crate::model::{Limit, LimitName, Limits, Parameters, RefillRule, Resource};

/// The limits of a bucket.
#[derive(Debug)]
pub(super) struct Shape {
    /// The limits that `known` begins with, as requests pass them; `None` if no request has passed them.
    limits: Option<Limits>,
    known: SmallVec<[Known; 1]>,
}

/// The constant part of a bucket's limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) name: LimitName,
    pub(super) parameters: Parameters,
    pub(super) rule: RefillRule,
}

impl Known {
    /// Returns the rule by which the limit refills at `_now` (epoch ms).
    #[inline]
    pub(super) fn rule_at(&self, _now: i64) -> RefillRule {
        self.rule
    }
}

impl From<&Limit> for Known {
    fn from(limit: &Limit) -> Self {
        let parameters = Parameters::from(limit);
        Self { name: limit.name().clone(), parameters, rule: parameters.whole() }
    }
}

impl Shape {
    pub(super) fn new(limits: Option<&Limits>, known: SmallVec<[Known; 1]>) -> Self {
        Self { limits: limits.cloned(), known }
    }

    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }

    /// Returns `true` if the bucket's limits begin with `limits`. Usually a comparison of pointers.
    #[inline]
    pub(super) fn begins_with(&self, limits: &Limits) -> bool {
        self.limits.as_ref().is_some_and(|own| own.same(limits))
    }

    pub(super) fn position(&self, name: &LimitName) -> Option<usize> {
        self.known.iter().position(|known| known.name == *name)
    }

    /// Returns `true` if one of `limits` is missing or has other parameters.
    pub(super) fn differs(&self, limits: &Limits) -> bool {
        limits.iter().any(|limit| match self.position(limit.name()) {
            Some(index) => self.known[index].parameters != Parameters::from(limit),
            None => true,
        })
    }
}

/// A cache of the values that a part of the store used last, so that its buckets share them.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    shapes: Vec<Arc<Shape>>,
    kin: Vec<Arc<Kin>>,
}

/// The maximum length of each list.
const RECENT: usize = 16;

impl Recent {
    /// Returns a shape with the limits `known`, which begins with `limits`.
    pub(super) fn shape(&self, limits: Option<&Limits>, known: SmallVec<[Known; 1]>) -> Arc<Shape> {
        let same = |shape: &Arc<Shape>| shape.known == known && limits.is_none_or(|limits| shape.begins_with(limits));
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lists.shapes.iter().find(|shape| same(shape)) {
            Some(shape) => shape.clone(),
            None => keep(&mut lists.shapes, Arc::new(Shape::new(limits, known))),
        }
    }

    /// Returns the values with which a bucket is created, shared with other buckets if possible.
    pub(super) fn kin(&self, resource: &Resource, home: &Arc<Home>, limits: &Limits) -> Arc<Kin> {
        let same = |kin: &&Arc<Kin>| Arc::ptr_eq(&kin.home, home) && kin.limits.is(limits) && kin.resource == *resource;
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kin) = lists.kin.iter().find(same) {
            return kin.clone();
        }
        let (home, resource, limits) = (home.clone(), resource.clone(), limits.clone());
        keep(&mut lists.kin, Arc::new(Kin { home, resource, limits }))
    }
}

fn keep<T: Clone>(list: &mut Vec<T>, value: T) -> T {
    if list.len() == RECENT {
        list.remove(0);
    }
    list.push(value.clone());
    value
}
