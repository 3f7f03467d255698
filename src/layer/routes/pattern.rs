//! Templates of paths.

use super::{InvalidRoutes, TemplateProblem, reading};

/// A path's template, segment by segment.
#[derive(Debug)]
pub(super) struct Pattern {
    segments: Box<[Segment]>,
    tail: Tail,
}

#[derive(Debug, PartialEq)]
enum Segment {
    /// Decoded.
    Literal(Box<[u8]>),
    Parameter,
}

/// What may follow the segments.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tail {
    Nothing,
    /// One segment or more.
    Something,
    Anything,
}

/// How a template ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    Whole,
    Prefix,
}

impl Pattern {
    pub(super) fn parse(template: &str, ending: Ending) -> Result<Self, InvalidRoutes> {
        Self::try_parse(template, ending)
            .map_err(|problem| InvalidRoutes::Template { template: template.to_owned(), problem })
    }

    fn try_parse(template: &str, ending: Ending) -> Result<Self, TemplateProblem> {
        if !template.starts_with('/') {
            return Err(TemplateProblem::NoSlash);
        }
        if template.contains(['?', '#']) {
            return Err(TemplateProblem::Query);
        }
        let bytes = template.as_bytes();
        if !reading::is_plain(bytes) && reading::as_sent(bytes) != reading::normalised(bytes) {
            return Err(TemplateProblem::NotNormalised);
        }
        let mut tail = if ending == Ending::Prefix { Tail::Anything } else { Tail::Nothing };
        let mut parsed = Vec::new();
        for segment in segments(bytes) {
            if tail == Tail::Something {
                return Err(TemplateProblem::Wildcard);
            }
            match segment {
                [b'{', b'*', name @ .., b'}'] => {
                    parameter(name)?;
                    if ending == Ending::Prefix {
                        return Err(TemplateProblem::Wildcard);
                    }
                    tail = Tail::Something;
                }
                [b'{', first, ..] if *first != b'{' => {
                    let name = segment.strip_prefix(b"{").and_then(|segment| segment.strip_suffix(b"}"));
                    parameter(name.ok_or(TemplateProblem::Brace)?)?;
                    parsed.push(Segment::Parameter);
                }
                _ => parsed.push(Segment::Literal(reading::as_sent(&unescaped(segment)?).as_slice().into())),
            }
        }
        Ok(Self { segments: parsed.into(), tail })
    }

    /// Whether a path, decoded, is like the template.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        if !path.starts_with(b"/") {
            // `OPTIONS *`, `CONNECT host:port`.
            return false;
        }
        let mut path = segments(path);
        let alike = self.segments.iter().all(|segment| match (segment, path.next()) {
            (Segment::Literal(literal), Some(found)) => **literal == *found,
            (Segment::Parameter, Some(found)) => !found.is_empty(),
            (_, None) => false,
        });
        alike
            && match self.tail {
                Tail::Nothing => path.next().is_none(),
                Tail::Something => path.next().is_some(),
                Tail::Anything => true,
            }
    }

    /// Whether every path that is like `other` is like this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let Some((common, more)) = other.segments.split_at_checked(self.segments.len()) else {
            return false;
        };
        let alike = self.segments.iter().zip(common).all(|(own, other)| *own == Segment::Parameter || own == other);
        alike
            && match self.tail {
                Tail::Nothing => more.is_empty() && other.tail == Tail::Nothing,
                Tail::Something => !more.is_empty() || other.tail == Tail::Something,
                Tail::Anything => true,
            }
    }
}

/// The segments of a path that begins with a slash. A slash at the end makes no difference.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    // The root has none.
    path.split(|byte| *byte == b'/').skip(usize::from(path.is_empty()))
}

fn parameter(name: &[u8]) -> Result<(), TemplateProblem> {
    if name.is_empty() {
        return Err(TemplateProblem::NoName);
    }
    match name.iter().any(|byte| matches!(byte, b'{' | b'}' | b'*')) {
        true => Err(TemplateProblem::Brace),
        false => Ok(()),
    }
}

/// A literal segment with its doubled braces as single ones.
fn unescaped(segment: &[u8]) -> Result<Vec<u8>, TemplateProblem> {
    let mut literal = Vec::with_capacity(segment.len());
    let mut bytes = segment.iter();
    while let Some(byte) = bytes.next() {
        if matches!(byte, b'{' | b'}') && bytes.next() != Some(byte) {
            return Err(TemplateProblem::Brace);
        }
        literal.push(*byte);
    }
    Ok(literal)
}
