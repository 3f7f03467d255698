//! The cost of a request.

use std::{iter, slice, vec};

use super::{IntoName, InvalidName, LimitName};

/// The amounts of tokens that a request asks for, per limit. All of them are granted or none.
///
/// [`RateLimiter::acquire`](crate::RateLimiter::acquire) charges 1 to a limit that the cost does
/// not name. To charge nothing, name the limit with 0.
///
/// ```
/// use tollgate::Cost;
///
/// let cost = Cost::new().with("rpm", 1)?.with("tpm", 500)?;
/// assert_eq!(cost.get("tpm"), Some(500));
/// assert_eq!(cost.get("rpd"), None);
/// # Ok::<(), tollgate::model::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    amounts: CostAmounts,
}

/// The amounts. Usually there is none or one: it is stored inline, and dropping it is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum CostAmounts {
    #[default]
    None,
    One([(LimitName, u64); 1]),
    More(Vec<(LimitName, u64)>),
}

impl CostAmounts {
    #[inline]
    fn as_slice(&self) -> &[(LimitName, u64)] {
        match self {
            Self::None => &[],
            Self::One(amount) => amount,
            Self::More(amounts) => amounts,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [(LimitName, u64)] {
        match self {
            Self::None => &mut [],
            Self::One(amount) => amount,
            Self::More(amounts) => amounts,
        }
    }

    fn push(&mut self, amount: (LimitName, u64)) {
        *self = match std::mem::take(self) {
            Self::None => Self::One([amount]),
            Self::One([first]) => Self::More(vec![first, amount]),
            Self::More(mut amounts) => {
                amounts.push(amount);
                Self::More(amounts)
            }
        };
    }
}

impl Cost {
    /// Returns a cost that names no limit.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the same cost with `tokens` for the limit `name`. A later amount replaces an earlier
    /// one.
    ///
    /// # Errors
    /// [`InvalidName`] if `name` is not a [`LimitName`].
    pub fn with(
        mut self,
        name: impl IntoName<LimitName>,
        tokens: u64,
    ) -> Result<Self, InvalidName> {
        self.set(name.into_name()?, tokens);
        Ok(self)
    }

    /// Returns the amounts with the limits as texts.
    pub(crate) fn named(&self) -> Vec<(&str, u64)> {
        self.iter()
            .map(|(name, tokens)| (name.as_str(), tokens))
            .collect()
    }

    /// Sets the amount of the limit `name`, in tokens.
    pub fn set(&mut self, name: LimitName, tokens: u64) {
        match self
            .amounts
            .as_mut_slice()
            .iter_mut()
            .find(|(known, _)| *known == name)
        {
            Some((_, amount)) => *amount = tokens,
            None => self.amounts.push((name, tokens)),
        }
    }

    /// Returns the amount of the limit `name`, in tokens.
    #[inline]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, amount)| amount)
    }

    /// Returns `true` if the cost names no limit.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.amounts, CostAmounts::None)
    }

    /// Returns the limits that the cost names, with their amounts in tokens.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&LimitName, u64)> {
        self.amounts
            .as_slice()
            .iter()
            .map(|(name, amount)| (name, *amount))
    }
}

impl IntoIterator for Cost {
    type Item = (LimitName, u64);
    type IntoIter = vec::IntoIter<(LimitName, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        let amounts = match self.amounts {
            CostAmounts::None => Vec::new(),
            CostAmounts::One(amount) => amount.into(),
            CostAmounts::More(amounts) => amounts,
        };
        amounts.into_iter()
    }
}

impl<'a> IntoIterator for &'a Cost {
    type Item = (&'a LimitName, u64);
    type IntoIter = iter::Map<
        slice::Iter<'a, (LimitName, u64)>,
        fn(&'a (LimitName, u64)) -> (&'a LimitName, u64),
    >;

    fn into_iter(self) -> Self::IntoIter {
        let amounts = self.amounts.as_slice().iter();
        amounts.map(|(name, amount)| (name, *amount))
    }
}

impl Extend<(LimitName, u64)> for Cost {
    fn extend<I: IntoIterator<Item = (LimitName, u64)>>(&mut self, amounts: I) {
        for (name, tokens) in amounts {
            self.set(name, tokens);
        }
    }
}

impl FromIterator<(LimitName, u64)> for Cost {
    fn from_iter<I: IntoIterator<Item = (LimitName, u64)>>(amounts: I) -> Self {
        let mut cost = Self::new();
        cost.extend(amounts);
        cost
    }
}
