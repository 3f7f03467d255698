//! What a request asks for.

use super::{InvalidName, LimitName};

/// Amounts in tokens per limit that a request asks for, all or nothing.
///
/// A limit that the cost does not name is charged 1 by
/// [`RateLimiter::acquire`](crate::RateLimiter::acquire); name it with 0 to leave it alone.
///
/// ```
/// use tollgate::Cost;
///
/// let cost = Cost::new().with("rpm", 1)?.with("tpm", 500)?;
/// assert_eq!(cost.get("tpm"), Some(500));
/// assert_eq!(cost.get("rpd"), None);
/// # Ok::<(), tollgate::model::InvalidName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    amounts: Amounts,
}

/// Mostly there is none, or one: then it stands in place, and dropping it is a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Amounts {
    #[default]
    None,
    One([(LimitName, u64); 1]),
    More(Vec<(LimitName, u64)>),
}

impl Amounts {
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
    /// A cost that names no limit.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same cost with `tokens` for the limit `name`; the later of two amounts stands.
    ///
    /// # Errors
    /// [`InvalidName`] where `name` is not a [`LimitName`].
    pub fn with(mut self, name: impl AsRef<str>, tokens: u64) -> Result<Self, InvalidName> {
        self.set(LimitName::new(name)?, tokens);
        Ok(self)
    }

    /// Sets the amount of the limit `name`, in tokens.
    pub fn set(&mut self, name: LimitName, tokens: u64) {
        match self.amounts.as_mut_slice().iter_mut().find(|(known, _)| *known == name) {
            Some((_, amount)) => *amount = tokens,
            None => self.amounts.push((name, tokens)),
        }
    }

    /// The amount of the limit `name`, in tokens.
    #[inline]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.iter().find(|(known, _)| *known == name).map(|(_, amount)| amount)
    }

    /// Returns `true` if the cost names no limit.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.amounts, Amounts::None)
    }

    /// The limits that the cost names, with their amounts in tokens.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&LimitName, u64)> {
        self.amounts.as_slice().iter().map(|(name, amount)| (name, *amount))
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
