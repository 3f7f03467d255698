//! What a request asks for.

use smallvec::SmallVec;

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
    amounts: SmallVec<[(LimitName, u64); 1]>,
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
        match self.amounts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, amount)) => *amount = tokens,
            None => self.amounts.push((name, tokens)),
        }
    }

    /// The amount of the limit `name`, in tokens.
    #[inline]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.iter().find(|(known, _)| *known == name).map(|(_, amount)| amount)
    }

    /// Whether the cost names no limit.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }

    /// The limits that the cost names, with their amounts in tokens.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&LimitName, u64)> {
        self.amounts.iter().map(|(name, amount)| (name, *amount))
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
