//! Bars that stand on each other.

use super::{
    scale::Scale,
    series::{Bar, Data, Series},
};

/// All bars that begin at the same place.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) parts: Vec<Part<'a>>,
}

/// A bar on those below it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) series: usize,
    pub(super) base: f64,
    pub(super) tip: f64,
    pub(super) bar: &'a Bar,
}

impl Stack<'_> {
    /// Returns the lowest and the highest value, and 0.
    pub(super) fn extent(&self) -> (f64, f64) {
        let ends = self.parts.iter().flat_map(|part| [part.base, part.tip]);
        ends.fold((0.0, 0.0), |(least, most): (f64, f64), end| {
            (least.min(end), most.max(end))
        })
    }
}

/// Returns the bars of all series as stacks, from left to right. Negative bars stand on each other
/// downward from 0.
pub(super) fn stacks(series: &[Series]) -> Vec<Stack<'_>> {
    let mut bars: Vec<(usize, &Bar)> = Vec::new();
    for (index, series) in series.iter().enumerate() {
        if let Data::Bars(own) = &series.data {
            bars.extend(
                own.iter()
                    .filter(|bar| bar.is_drawable())
                    .map(|bar| (index, bar)),
            );
        }
    }
    // Stable: the series of a stack keep their order.
    bars.sort_by(|(_, one), (_, other)| one.from.total_cmp(&other.from));
    let mut stacks: Vec<Stack<'_>> = Vec::new();
    for (series, bar) in bars {
        let is_new = stacks.last().is_none_or(|stack| stack.from < bar.from);
        if is_new {
            stacks.push(Stack {
                from: bar.from,
                to: bar.to,
                parts: Vec::new(),
            });
        }
        if let Some(stack) = stacks.last_mut() {
            stack.to = stack.to.max(bar.to);
            let (least, most) = stack.extent();
            let base = if bar.height < 0.0 { least } else { most };
            stack.parts.push(Part {
                series,
                base,
                tip: base + bar.height,
                bar,
            });
        }
    }
    stacks
}

/// Returns the highest of the stacks that begin in the same pixel, for each pixel.
pub(super) fn highest<'a>(stacks: Vec<Stack<'a>>, x: &Scale) -> Vec<Stack<'a>> {
    let mut kept: Vec<Stack<'a>> = Vec::new();
    for stack in stacks {
        let pixel = x.at(stack.from).floor();
        match kept
            .last_mut()
            .filter(|last| x.at(last.from).floor() >= pixel)
        {
            Some(last) if stack.extent().1 > last.extent().1 => {
                // The place of the first, so that the next one in this pixel is still found there.
                let from = last.from;
                *last = Stack { from, ..stack };
            }
            Some(last) => last.to = last.to.max(stack.to),
            None => kept.push(stack),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Axis;

    #[test]
    fn bars_of_the_same_place_stand_on_each_other() {
        let bars = |heights: &[f64]| {
            let bars = heights.iter().zip([0.0, 1.0]);
            bars.map(|(height, from)| Bar::new(from, from + 1.0, *height))
                .collect()
        };
        let series = [
            Series::bars("a", bars(&[3.0, f64::NAN])),
            Series::line("l", vec![(0.0, 9.0)]),
            Series::bars("b", bars(&[-2.0, 5.0])),
            Series::bars("c", bars(&[4.0, 1.0])),
        ];
        let stacks = stacks(&series);
        let drawn = |stack: &Stack<'_>| -> Vec<_> {
            let parts = stack.parts.iter();
            parts
                .map(|part| (part.series, part.base, part.tip))
                .collect()
        };
        assert_eq!(stacks.len(), 2);
        assert_eq!(
            drawn(&stacks[0]),
            [(0, 0.0, 3.0), (2, 0.0, -2.0), (3, 3.0, 7.0)]
        );
        assert_eq!(drawn(&stacks[1]), [(2, 0.0, 5.0), (3, 5.0, 6.0)]);
        assert_eq!(stacks[0].extent(), (-2.0, 7.0));
    }

    #[test]
    fn a_pixel_shows_its_highest_stack() {
        let bars = (0..1000).map(|index| {
            let from = f64::from(index);
            Bar::new(from, from + 1.0, if index == 777 { 50.0 } else { 1.0 })
        });
        let series = [Series::bars("a", bars.collect())];
        let x = Scale::new(&Axis::numbers(""), (0.0, 1000.0), (0.0, 100.0));
        let kept = highest(stacks(&series), &x);
        assert_eq!(kept.len(), 100);
        let tall: Vec<_> = kept.iter().filter(|stack| stack.extent().1 > 1.0).collect();
        assert_eq!((tall.len(), tall[0].from), (1, 770.0));
    }
}
