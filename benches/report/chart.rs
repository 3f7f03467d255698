//! Draws how far every row is above or below its target.

use std::path::Path;

use plotters::prelude::*;

use crate::{output::figure, row::Row};

const WIDTH: u32 = 1_200;
const BAR: u32 = 26;
/// The end of the names and the beginning of the bars.
const NAMES: i32 = 560;
const MOST: f64 = 100.0;
const LEAST: f64 = 0.1;
const HELD: RGBColor = RGBColor(46, 125, 80);
const MISSED: RGBColor = RGBColor(190, 60, 50);

pub(crate) fn draw(rows: &[Row], path: &Path) {
    // A row without a figure is drawn as the worst one.
    let bars = rows
        .iter()
        .filter_map(|row| row.held().map(|_| (row, row.margin().unwrap_or(0.0))));
    let bars: Vec<_> = bars.collect();
    let height = BAR * (bars.len() as u32 + 3);
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    paint(&area, &bars).expect("the chart can be drawn");
}

fn paint(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    bars: &[(&Row, f64)],
) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let text = ("sans-serif", 14).into_font().color(&BLACK);
    let bold = ("sans-serif", 16).into_font().color(&BLACK);
    area.draw(&Text::new(
        "How many times as good as the target (logarithmic; 1 is the target)",
        (10, 8),
        bold,
    ))?;
    let bottom = (BAR * (bars.len() as u32 + 2)) as i32;
    for tick in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0] {
        let color = if tick == 1.0 {
            BLACK
        } else {
            RGBColor(210, 210, 210)
        };
        area.draw(&PathElement::new(
            vec![(x(tick), BAR as i32 + 8), (x(tick), bottom)],
            color.stroke_width(1),
        ))?;
        area.draw(&Text::new(
            format!("{tick}"),
            (x(tick) - 8, bottom + 4),
            text.clone(),
        ))?;
    }
    for (index, (row, margin)) in bars.iter().enumerate() {
        let top = (BAR * (index as u32 + 1)) as i32 + 12;
        let color = if *margin >= 1.0 { HELD } else { MISSED };
        let bar = [(x(margin.min(1.0)), top), (x(margin.max(1.0)), top + 16)];
        area.draw(&Rectangle::new(bar, color.filled()))?;
        area.draw(&Text::new(short(&row.measure), (10, top + 1), text.clone()))?;
        let value = format!(
            "{} (target {})",
            figure(row.ratio.or(row.ours)),
            row.target().unwrap_or_default()
        );
        let right = if *margin > 20.0 {
            x(1.0) + 8
        } else {
            x(margin.max(1.0)) + 8
        };
        let color = if *margin > 20.0 { WHITE } else { BLACK };
        area.draw(&Text::new(
            value,
            (right, top + 1),
            ("sans-serif", 13).into_font().color(&color),
        ))?;
    }
    area.present()?;
    Ok(())
}

fn x(margin: f64) -> i32 {
    let share = (margin.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    NAMES + (share * f64::from(WIDTH as i32 - NAMES - 30)) as i32
}

fn short(measure: &str) -> String {
    const MOST: usize = 78;
    match measure.chars().count() {
        0..=MOST => measure.into(),
        _ => measure.chars().take(MOST - 1).chain(['…']).collect(),
    }
}
