//! Parses server-sent events incrementally.

/// Parses a stream of server-sent events, in pieces of any size. The parser keeps a few bytes of
/// state and none of the stream.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    at: LinePosition,
    /// The last byte was a CR, so an LF that follows belongs to it.
    after_cr: bool,
    /// The current event has a field.
    begun: bool,
    /// The current event has data.
    has_data: bool,
}

/// A part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A piece of the data of the current event.
    Data(&'a [u8]),
    /// The current event is complete, and has data.
    End,
}

/// The position in a line of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinePosition {
    /// The position is at the start of the stream.
    #[default]
    Start,
    /// The position is in a byte order mark, after this number of its bytes.
    Mark(u8),
    Line,
    /// The position is in the name `data`, after this number of its bytes.
    Name(u8),
    /// After the colon. One space is skipped.
    Colon,
    Data,
    /// The position is in a line that is not data.
    Rest,
}

const MARK: &[u8] = "\u{feff}".as_bytes();
const NAME: &[u8] = b"data";

impl EventStream {
    /// Parses the next piece, and passes its parts to `part`.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut part: impl FnMut(Part<'_>)) {
        while let Some((&byte, rest)) = piece.split_first() {
            match (byte, self.at) {
                (b'\n', _) if std::mem::take(&mut self.after_cr) => piece = rest,
                (b'\r' | b'\n', _) => {
                    self.end_line(&mut part);
                    self.after_cr = byte == b'\r';
                    piece = rest;
                }
                (_, LinePosition::Data) => {
                    let end = piece
                        .iter()
                        .position(|byte| matches!(byte, b'\r' | b'\n'))
                        .unwrap_or(piece.len());
                    let (data, rest) = piece.split_at(end);
                    part(Part::Data(data));
                    piece = rest;
                }
                (_, LinePosition::Colon) => {
                    self.begin_data(&mut part);
                    if byte == b' ' {
                        piece = rest;
                    }
                }
                _ => {
                    self.at = self.next(byte);
                    self.begun |= !matches!(
                        self.at,
                        LinePosition::Start | LinePosition::Mark(_) | LinePosition::Line
                    );
                    piece = rest;
                }
            }
            self.after_cr &= byte == b'\r';
        }
    }

    /// Returns `true` if the next line may begin another event.
    pub(super) fn is_between_events(&self) -> bool {
        matches!(self.at, LinePosition::Start | LinePosition::Line) && !self.begun
    }

    fn next(&self, byte: u8) -> LinePosition {
        let name = |matched: u8| match NAME.get(usize::from(matched)) {
            Some(expected) if *expected == byte => LinePosition::Name(matched + 1),
            None if byte == b':' => LinePosition::Colon,
            _ => LinePosition::Rest,
        };
        let mark =
            |matched: u8| (MARK.get(usize::from(matched)) == Some(&byte)).then_some(matched + 1);
        match self.at {
            LinePosition::Start => mark(0).map_or_else(|| name(0), LinePosition::Mark),
            LinePosition::Mark(matched) => match mark(matched) {
                Some(3) => LinePosition::Line,
                Some(matched) => LinePosition::Mark(matched),
                None => LinePosition::Rest,
            },
            LinePosition::Line => name(0),
            LinePosition::Name(matched) => name(matched),
            at => at,
        }
    }

    /// Begins a line of data. Lines of data are joined by line feeds.
    fn begin_data(&mut self, part: &mut impl FnMut(Part<'_>)) {
        if std::mem::replace(&mut self.has_data, true) {
            part(Part::Data(b"\n"));
        }
        self.at = LinePosition::Data;
    }

    fn end_line(&mut self, part: &mut impl FnMut(Part<'_>)) {
        match self.at {
            LinePosition::Start | LinePosition::Line => {
                self.begun = false;
                if std::mem::take(&mut self.has_data) {
                    part(Part::End);
                }
            }
            LinePosition::Colon => self.begin_data(part),
            LinePosition::Name(matched) if usize::from(matched) == NAME.len() => {
                self.begin_data(part)
            }
            _ => {}
        }
        self.at = LinePosition::Line;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the data of the events of a stream that comes in these pieces; `true` if the stream
    /// ends between events.
    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
        let (mut stream, mut events, mut event) = (EventStream::default(), Vec::new(), Vec::new());
        for piece in pieces {
            stream.feed(piece, |part| match part {
                Part::Data(data) => event.extend_from_slice(data),
                Part::End => events.push(std::mem::take(&mut event)),
            });
        }
        (events, stream.is_between_events())
    }

    fn of(stream: &str) -> Vec<String> {
        let bytewise = events(stream.as_bytes().chunks(1));
        assert_eq!(events([stream.as_bytes()]), bytewise, "{stream:?}");
        bytewise
            .0
            .into_iter()
            .map(|event| String::from_utf8(event).unwrap())
            .collect()
    }

    #[test]
    fn the_reader_takes_lines_of_data() {
        for end in ["\n", "\r", "\r\n"] {
            let of = |stream: &str| of(&stream.replace('\n', end));
            assert_eq!(of("data: one\n\n"), ["one"]);
            assert_eq!(of("data:one\n\ndata:  two\n\n"), ["one", " two"]);
            assert_eq!(of("data: a\ndata: b\n\n"), ["a\nb"]);
            assert_eq!(of("data\n\ndata:\n\ndata: \n\n"), ["", "", ""]);
            assert_eq!(of("data\ndata\n\n"), ["\n"]);
            assert_eq!(of(": comment\n\nevent: ping\nid: 7\n\n"), [""; 0]);
            assert_eq!(of("event: x\ndata: y\nretry: 5\n\n\n\n"), ["y"]);
            assert_eq!(of("\u{feff}data: marked\n\n"), ["marked"]);
            assert_eq!(of("\n\u{feff}data: too late\n\n"), [""; 0]);
            assert_eq!(of("dat: a\n\ndatas: b\n\nDATA: c\n\n data: d\n\n"), [""; 0]);
            assert_eq!(of("data: unfinished\n"), [""; 0]);
            assert_eq!(of("data: ü\u{feff}😀\n\n"), ["ü\u{feff}😀"]);
        }
        assert_eq!(of("data: a\rdata: b\r\ndata: c\n\r\n"), ["a\nb\nc"]);
    }

    #[test]
    fn the_reader_knows_where_an_event_may_follow() {
        for (stream, between) in [
            ("", true),
            ("data: a", false),
            ("data: a\n", false),
            ("data: a\n\n", true),
            ("data: a\r\n\r", true),
            ("data: a\r\n\r\n", true),
            ("event: x\n", false),
            (": comment", false),
            ("\u{feff}", true),
        ] {
            assert_eq!(events([stream.as_bytes()]).1, between, "{stream:?}");
        }
    }

    /// Parses a whole stream as the standard says.
    fn model(stream: &str) -> Vec<String> {
        let stream = stream
            .strip_prefix('\u{feff}')
            .unwrap_or(stream)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let (mut events, mut data) = (Vec::new(), Vec::new());
        let Some((lines, _unfinished)) = stream.rsplit_once('\n') else {
            return events;
        };
        for line in lines.split('\n') {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if line.is_empty() && !data.is_empty() {
                events.push(data.join("\n"));
                data.clear();
            } else if name == "data" {
                data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
            }
        }
        events
    }

    proptest! {
        #[test]
        fn the_reader_agrees_with_the_standard(stream in "(\u{feff}|data|:|: |\r|\n|\r\n|\n\n|d|x|ü){0,40}") {
            prop_assert_eq!(of(&stream), model(&stream));
        }
    }
}
