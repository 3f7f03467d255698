//! The file or the output that a picture or a page is written to.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    context::Context,
    failure::Failure,
    new_file::{self, NewFile},
    output::Row,
};

/// The options of what is written.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// Format [default: that of the file's ending, else html]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to write; without it, the standard output
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "file")]
    force: bool,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A page in one file
    Html,
    /// A picture of one limit
    Svg,
}

impl Target {
    /// Refuses before anything is read.
    pub(super) fn check(&self, context: &Context) -> Result<(), Failure> {
        match &self.file {
            Some(file) => new_file::refuse(file, self.force),
            None if context.out.is_terminal() => Err(Failure::Usage(
                "the report would fill the terminal: name a file by --file, or redirect the output".to_owned(),
            )),
            None if !context.out.is_text() => Err(Failure::Usage(
                "the report itself is the output: leave --output out, or name a file by --file; `usage list` prints the \
                 numbers in other formats"
                    .to_owned(),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn format(&self) -> Format {
        let ending = self.file.as_ref().and_then(|file| file.extension());
        let is_svg = ending.is_some_and(|ending| ending.eq_ignore_ascii_case("svg"));
        self.format
            .unwrap_or(if is_svg { Format::Svg } else { Format::Html })
    }

    /// Writes a text, and if it goes to a file, prints the record that says so.
    pub(super) fn write<R: Row>(
        &self,
        context: &mut Context,
        text: &str,
        record: impl FnOnce(String, String) -> R,
    ) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            return Ok(context.out.text(text)?);
        };
        NewFile::claim(file, self.force)?.write(text)?;
        let format = match self.format() {
            Format::Html => "html",
            Format::Svg => "svg",
        };
        let name = file.display().to_string();
        let sentence = format!("Wrote {name}");
        Ok(context
            .out
            .done(&sentence, &record(name, format.to_owned()))?)
    }
}
