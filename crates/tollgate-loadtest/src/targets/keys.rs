//! The keys that a test uses, and how often.

use std::sync::Arc;

/// The keys of a test: each call takes one of them.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: Arc<str>,
    choice: Choice,
}

#[derive(Clone, Debug)]
enum Choice {
    One,
    Uniform(u32),
    /// The sum of the weights of the keys up to each, as a share of all weights.
    Weighted(Arc<[f64]>),
}

impl Keys {
    /// Takes one key for all calls.
    pub fn one(key: impl Into<Arc<str>>) -> Self {
        Self::new(key, Choice::One)
    }

    /// Takes `count` keys, each as often as the others: `prefix` and a number from 0. No keys are
    /// one key.
    pub fn uniform(prefix: impl Into<Arc<str>>, count: u32) -> Self {
        Self::new(prefix, Choice::Uniform(count.max(1)))
    }

    /// Takes `count` keys by Zipf's law: key `n`, from 1, comes as often as `1 / n^exponent` says.
    /// The name of the key is `prefix` and `n - 1`. With an exponent of 1 and 1000 keys, the first
    /// one gets 13 % of the calls. No keys are one key.
    pub fn zipf(prefix: impl Into<Arc<str>>, count: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=count.max(1)).map(|number| {
            sum += f64::from(number).powf(-exponent);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        Self::new(
            prefix,
            Choice::Weighted(sums.iter().map(|part| part / sum).collect()),
        )
    }

    fn new(prefix: impl Into<Arc<str>>, choice: Choice) -> Self {
        let prefix = prefix.into();
        Self { prefix, choice }
    }

    /// Returns the number of keys.
    pub fn count(&self) -> usize {
        match &self.choice {
            Choice::One => 1,
            Choice::Uniform(count) => *count as usize,
            Choice::Weighted(sums) => sums.len(),
        }
    }

    /// Returns all keys.
    pub fn all(&self) -> impl Iterator<Item = Arc<str>> {
        (0..self.count()).map(|number| self.key(number))
    }

    /// Returns the key of a call, by chance.
    pub fn pick(&self) -> Arc<str> {
        let number = match &self.choice {
            Choice::One => 0,
            Choice::Uniform(count) => fastrand::u32(..count) as usize,
            Choice::Weighted(sums) => {
                let chance = fastrand::f64();
                sums.partition_point(|sum| *sum <= chance)
                    .min(sums.len() - 1)
            }
        };
        self.key(number)
    }

    fn key(&self, number: usize) -> Arc<str> {
        match self.choice {
            Choice::One => self.prefix.clone(),
            _ => format!("{}{number}", self.prefix).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn picked(keys: &Keys) -> BTreeMap<Arc<str>, u32> {
        fastrand::seed(7);
        let mut counts = BTreeMap::new();
        for _ in 0..20_000 {
            *counts.entry(keys.pick()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn keys_come_as_often_as_their_distribution_says() {
        let one = picked(&Keys::one("user"));
        assert_eq!(one, BTreeMap::from([("user".into(), 20_000)]));

        let uniform = picked(&Keys::uniform("u", 4));
        assert!(
            uniform.values().all(|count| (4500..5500).contains(count)),
            "{uniform:?}"
        );
        assert_eq!(uniform.len(), 4);

        // Weights of 1, 1/2, 1/3 and 1/4: 48 %, 24 %, 16 % and 12 %.
        let zipf = picked(&Keys::zipf("z", 4, 1.0));
        let counts: Vec<_> = zipf.values().copied().collect();
        for (count, expected) in counts.iter().zip([9600, 4800, 3200, 2400]) {
            assert!(count.abs_diff(expected) < 500, "{zipf:?}");
        }
    }

    #[test]
    fn no_keys_are_one_key() {
        for keys in [Keys::uniform("k", 0), Keys::zipf("k", 0, 1.0)] {
            assert_eq!(&*keys.pick(), "k0");
            assert_eq!(keys.all().count(), 1);
        }
    }
}
