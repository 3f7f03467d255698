//! Positions and ticks of an axis.

use super::{
    axis::{Axis, Kind},
    calendar,
    number::{compact, fixed, unit_for},
    tick::Tick,
};

/// A range of values on a length of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    kind: Kind,
    /// The values at both ends.
    from: f64,
    to: f64,
    /// The positions of both ends.
    start: f64,
    end: f64,
}

impl Scale {
    pub(super) fn new(axis: &Axis, (from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self {
            kind: axis.kind,
            from,
            to,
            start,
            end,
        }
    }

    /// Returns the position of a value. Values beyond the ends lie at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Time | Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Logarithmic => {
                let value = value.max(self.from);
                (value / self.from).ln() / (self.to / self.from).ln()
            }
        };
        self.start + part.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Returns about `most` ticks, and the name of their unit if it is a large one.
    pub(super) fn ticks(&self, most: usize) -> (Vec<Tick>, &'static str) {
        match self.kind {
            Kind::Time => (calendar::ticks(self.from, self.to, most), ""),
            Kind::Linear => linear(self.from, self.to, most),
            Kind::Logarithmic => (logarithmic(self.from, self.to, most), ""),
        }
    }
}

/// Returns true if a number can be drawn. Sums of numbers beyond that would not be finite.
pub(super) fn is_drawable(number: f64) -> bool {
    number.abs() < 1e100
}

/// Returns a range that is not empty, and in which numbers differ.
pub(super) fn widened(from: f64, to: f64) -> (f64, f64) {
    let least = from.abs() * 1e-12;
    if to - from > least {
        (from, to)
    } else {
        (from, from + least.max(1.0))
    }
}

/// Returns the range of an axis that shows all values from `least` to `most`: on a linear axis it
/// begins and ends at a tick.
pub(super) fn range(axis: &Axis, (least, most): (f64, f64), ticks: usize) -> (f64, f64) {
    match axis.kind {
        Kind::Time => widened(least, most),
        Kind::Linear => {
            let (least, most) = widened(least, most);
            let step = step(most - least, ticks);
            ((least / step).floor() * step, (most / step).ceil() * step)
        }
        Kind::Logarithmic => {
            let most = if most > 0.0 { most } else { 1.0 };
            let least = if least > 0.0 { least } else { most / 10.0 };
            let least = 10f64.powf(least.log10().floor());
            let end = 10f64.powf(most.log10().ceil());
            (least, if least < end { end } else { least * 10.0 })
        }
    }
}

/// Returns the distance of ticks: 1, 2 or 5 times a power of ten.
fn step(length: f64, most: usize) -> f64 {
    let least = length / count(most);
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least * 0.999_999);
    step.unwrap_or(10.0) * power
}

fn count(number: usize) -> f64 {
    u32::try_from(number.max(1)).map_or(f64::from(u32::MAX), f64::from)
}

fn linear(from: f64, to: f64, most: usize) -> (Vec<Tick>, &'static str) {
    let step = step(to - from, most);
    let (unit, name) = unit_for(from.abs().max(to.abs()));
    let decimals = (0..12)
        .find(|decimals| {
            let scaled = step / unit * 10f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(12);
    let decimals = usize::try_from(decimals).unwrap_or(0);
    let mut ticks = Vec::new();
    let first = (from / step - 1e-6).ceil();
    let mut index = 0.0;
    // A bound on the loop, should a sum not change any more.
    while (first + index) * step <= to + step * 1e-6 && index <= 2.0 * count(most) {
        let value = (first + index) * step;
        ticks.push(Tick {
            value,
            label: fixed(value / unit, decimals),
            below: String::new(),
        });
        index += 1.0;
    }
    (ticks, name)
}

fn logarithmic(from: f64, to: f64, most: usize) -> Vec<Tick> {
    let powers = (to / from).log10().round().max(1.0);
    let every = (powers / count(most)).ceil().max(1.0);
    // Between few powers of ten there is room for 2 and 5.
    let factors: &[f64] = if powers * 3.0 <= count(most) {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let mut ticks = Vec::new();
    let mut power = from.log10().round();
    while power <= to.log10() + 1e-6 {
        for factor in factors {
            let value = factor * 10f64.powf(power);
            if value <= to * 1.000_001 {
                ticks.push(Tick {
                    value,
                    label: compact(value),
                    below: String::new(),
                });
            }
        }
        power += every;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, least: f64, most: f64) -> (Vec<String>, &'static str) {
        let scale = Scale::new(axis, range(axis, (least, most), 5), (0.0, 100.0));
        let (ticks, unit) = scale.ticks(5);
        (ticks.into_iter().map(|tick| tick.label).collect(), unit)
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = Axis::numbers("tokens");
        for (least, most, expected, unit) in [
            (
                0.0,
                0.0,
                &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"][..],
                "",
            ),
            (0.0, 97.0, &["0", "20", "40", "60", "80", "100"], ""),
            (-5.0, 9.0, &["\u{2212}5", "0", "5", "10"], ""),
            (0.0, 0.0011, &["0.0000", "0.0005", "0.0010", "0.0015"], ""),
            (
                0.0,
                31_000.0,
                &["0", "10,000", "20,000", "30,000", "40,000"],
                "",
            ),
            (0.0, 25e6, &["0", "5", "10", "15", "20", "25"], "million"),
            (0.0, 9.2e18, &["0", "2", "4", "6", "8", "10"], "quintillion"),
        ] {
            let (found, found_unit) = labels(&axis, least, most);
            assert_eq!(
                (found, found_unit),
                (
                    expected.iter().map(|label| (*label).to_owned()).collect(),
                    unit
                )
            );
        }
    }

    #[test]
    fn powers_of_ten_have_the_same_length() {
        let axis = Axis::logarithmic("ms");
        assert_eq!(labels(&axis, 0.3, 80.0).0, ["0.1", "1", "10", "100"]);
        assert_eq!(labels(&axis, 1.0, 9.0).0, ["1", "2", "5", "10"]);
        assert_eq!(labels(&axis, 0.0, 0.0).0, ["0.1", "0.2", "0.5", "1"]);
        let scale = Scale::new(&axis, (1.0, 100.0), (0.0, 100.0));
        assert_eq!(
            (scale.at(10.0), scale.at(-3.0), scale.at(1e9)),
            (50.0, 0.0, 100.0)
        );
    }
}
