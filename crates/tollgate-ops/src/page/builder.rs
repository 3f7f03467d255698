//! The page.

use maud::{PreEscaped, html};

use super::{section::Section, style};
use crate::chart;

/// The beginning of the head. Elements without an end are closed as XML wants them.
const HEAD: &str = "<meta charset=\"utf-8\"/>\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n";

/// A page.
#[derive(Debug)]
#[must_use = "a page is written by its method html"]
pub struct Page {
    title: String,
    introduction: Vec<String>,
    sections: Vec<Section>,
    footer: String,
}

impl Page {
    /// Returns a page without contents.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            introduction: Vec::new(),
            sections: Vec::new(),
            footer: String::new(),
        }
    }

    /// Adds a paragraph below the title.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.introduction.push(text.into());
        self
    }

    /// Adds a section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Sets the last line.
    pub fn footer(mut self, text: impl Into<String>) -> Self {
        self.footer = text.into();
        self
    }

    /// Writes the page.
    pub fn html(self) -> String {
        let page = html! {
            (PreEscaped("<!DOCTYPE html>\n"))
            html lang="en" {
                head {
                    (PreEscaped(HEAD))
                    title { (self.title) }
                    // Both are ours, and have nothing that must be escaped.
                    style { (PreEscaped(style::STYLE)) (PreEscaped(chart::STYLE)) }
                }
                body {
                    main {
                        h1 { (self.title) }
                        @for text in &self.introduction { p { (text) } }
                        @for section in self.sections { (section.markup()) }
                    }
                    @if !self.footer.is_empty() { footer { (self.footer) } }
                }
            }
        };
        page.into_string()
    }
}
