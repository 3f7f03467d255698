//! Sections of a page.

use maud::{Markup, PreEscaped, html};

use super::table::Table;
use crate::chart::Chart;

/// The widths of a chart's pictures: the page shows the one that fits.
const WIDE: u32 = 760;
const NARROW: u32 = 340;

/// A section of a page: a heading, and below it texts, charts and tables in the order in which they
/// are added. On a wide screen, a table stands beside the chart before it.
#[derive(Debug)]
#[must_use = "a section is part of a page"]
pub struct Section {
    heading: String,
    rows: Vec<Markup>,
    /// A chart that waits for a table.
    chart: Option<Markup>,
}

impl Section {
    /// Returns a section without contents.
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            rows: Vec::new(),
            chart: None,
        }
    }

    /// Adds a paragraph.
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.push(html! { p { (text.as_ref()) } })
    }

    /// Adds a heading of a lower level.
    pub fn heading(self, text: impl AsRef<str>) -> Self {
        self.push(html! { h3 { (text.as_ref()) } })
    }

    /// Adds a chart.
    pub fn chart(self, chart: &Chart) -> Self {
        // Pictures are escaped already.
        let (wide, narrow) = (chart.inline_svg(WIDE), chart.inline_svg(NARROW));
        let chart = html! {
            figure {
                div class="wide" { (PreEscaped(wide)) }
                div class="narrow" { (PreEscaped(narrow)) }
            }
        };
        let mut section = self.flushed();
        section.chart = Some(chart);
        section
    }

    /// Adds a table.
    pub fn table(mut self, table: Table) -> Self {
        match self.chart.take() {
            Some(chart) => self.push(html! { div class="beside" { (chart) (table.markup()) } }),
            None => self.push(table.markup()),
        }
    }

    fn push(self, row: Markup) -> Self {
        let mut section = self.flushed();
        section.rows.push(row);
        section
    }

    /// Ends the wait for a table.
    fn flushed(mut self) -> Self {
        self.rows.extend(self.chart.take());
        self
    }

    pub(super) fn markup(self) -> Markup {
        let section = self.flushed();
        html! {
            section {
                h2 { (section.heading) }
                @for row in &section.rows { (row) }
            }
        }
    }
}
