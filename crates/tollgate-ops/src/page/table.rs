//! Tables of a page.

use maud::{Markup, html};

/// A table: columns of texts, then columns of numbers.
#[derive(Clone, Debug)]
#[must_use = "a table is part of a section"]
pub struct Table {
    caption: String,
    texts: Vec<String>,
    numbers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table without columns.
    pub fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            texts: Vec::new(),
            numbers: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds columns of texts. The first one names the rows.
    pub fn texts<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.texts.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds columns of numbers, to the right of those of texts.
    pub fn numbers<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.numbers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds a row: one cell for each column.
    pub fn row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Draws the table, in a frame of its own that scrolls.
    pub(super) fn markup(&self) -> Markup {
        let texts = self.texts.len();
        html! {
            div class="scroll" role="region" tabindex="0" aria-label=(self.caption) {
                table {
                    caption { (self.caption) }
                    thead {
                        tr {
                            @for name in &self.texts { th scope="col" class="text" { (name) } }
                            @for name in &self.numbers { th scope="col" { (name) } }
                        }
                    }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (index, cell) in row.iter().enumerate() {
                                    @if index == 0 { th scope="row" class="text" { (cell) } }
                                    @else if index < texts { td class="text" { (cell) } }
                                    @else { td { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
