//! The standard output, which may end with the screen.

use std::io::{self, BufWriter, Stdout, Write};

/// Writes to the standard output, and leaves out the lines for which a screen has no room.
#[derive(Debug)]
pub(super) struct Screen {
    to: BufWriter<Stdout>,
    /// The number of lines that fit. `None` if all are written.
    lines: Option<usize>,
}

impl Screen {
    pub(super) fn new(to: Stdout) -> Self {
        Self {
            to: BufWriter::new(to),
            lines: None,
        }
    }

    /// Writes at most this number of lines from now on.
    pub(super) fn limit(&mut self, lines: Option<usize>) {
        self.lines = lines;
    }

    pub(super) fn stdout(&self) -> &Stdout {
        self.to.get_ref()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(lines) = &mut self.lines else {
            return self.to.write(bytes);
        };
        if *lines == 0 {
            return Ok(bytes.len());
        }
        // One line at a time, so that it is known which lines were written.
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let line = end.map_or(bytes, |end| &bytes[..=end]);
        self.to.write_all(line)?;
        *lines -= usize::from(end.is_some());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
