//! Path templates.

use super::{InvalidRoutes, TemplateProblem, reading};

/// A path template, split into segments.
#[derive(Debug)]
pub(super) struct Pattern {
    segments: Box<[Segment]>,
    tail: PatternTail,
    /// True if the template ends with a slash.
    slash: bool,
    /// True if a path with a slash at its end differs from one without.
    exact: bool,
}

#[derive(Debug, PartialEq)]
enum Segment {
    /// A decoded text, which is not empty.
    Literal(Box<[u8]>),
    Parameter,
}

/// The part of a path that may follow the segments.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PatternTail {
    Nothing,
    /// One or more segments.
    Something,
    Anything,
}

/// The part of a path that a template describes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PathPart {
    Whole,
    Prefix,
}

impl Pattern {
    pub(super) fn parse(template: &str, ending: PathPart) -> Result<Self, InvalidRoutes> {
        Self::try_parse(template, ending).map_err(|problem| InvalidRoutes::Template {
            template: template.to_owned(),
            problem,
        })
    }

    fn try_parse(template: &str, ending: PathPart) -> Result<Self, TemplateProblem> {
        if !template.starts_with('/') {
            return Err(TemplateProblem::NoSlash);
        }
        if template.contains(['?', '#']) {
            return Err(TemplateProblem::Query);
        }
        let bytes = template.as_bytes();
        if !reading::is_plain(bytes)
            && reading::readings(bytes).is_none_or(|readings| readings.len() > 1)
        {
            return Err(TemplateProblem::NotNormalised);
        }
        let mut tail = if ending == PathPart::Prefix {
            PatternTail::Anything
        } else {
            PatternTail::Nothing
        };
        let mut parsed = Vec::new();
        for segment in segments(bytes) {
            // These are parameters of axum before 0.8. If they were taken literally, the template
            // would not match the paths that its author means.
            if segment.starts_with(b":") || segment.starts_with(b"*") {
                return Err(TemplateProblem::OldParameter);
            }
            if tail == PatternTail::Something {
                return Err(TemplateProblem::Wildcard);
            }
            match parts(segment)? {
                (literal, None) => parsed.push(Segment::Literal(
                    reading::as_sent(&unescaped(literal)).as_slice().into(),
                )),
                (b"", Some(Parameter::Segment)) => parsed.push(Segment::Parameter),
                (b"", Some(Parameter::Rest)) if ending == PathPart::Whole => {
                    tail = PatternTail::Something
                }
                (b"", Some(Parameter::Rest)) => return Err(TemplateProblem::Wildcard),
                (_, Some(_)) => return Err(TemplateProblem::Brace),
            }
        }
        Ok(Self {
            segments: parsed.into(),
            tail,
            slash: template.ends_with('/'),
            exact: false,
        })
    }

    /// Makes a slash at the end of the path count: the path must have one if, and only if, the
    /// template has one.
    pub(super) fn exact(&mut self) {
        self.exact = true;
    }

    /// Returns true if a decoded path matches the template. As in axum, a parameter may be empty,
    /// except at the end of the path: `/users//keys` matches `/users/{id}/keys`.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        // The text after the last slash so far. `OPTIONS *` and `CONNECT host:port` have no slash,
        // and match nothing.
        let mut rest = path.strip_prefix(b"/");
        if rest.is_none() {
            return false;
        }
        for segment in &self.segments {
            let Some(text) = rest else { return false };
            let (found, after) = match text.iter().position(|byte| *byte == b'/') {
                Some(slash) => (text.get(..slash).unwrap_or_default(), text.get(slash + 1..)),
                None => (text, None),
            };
            let alike = match segment {
                Segment::Literal(literal) => **literal == *found,
                Segment::Parameter => !found.is_empty() || after.is_some(),
            };
            if !alike {
                return false;
            }
            rest = after;
        }
        match self.tail {
            PatternTail::Nothing => match rest {
                Some(rest) => rest.is_empty() && (self.slash || !self.exact),
                None => !self.slash || !self.exact,
            },
            PatternTail::Something => rest.is_some_and(|rest| !rest.is_empty()),
            PatternTail::Anything => true,
        }
    }

    /// Returns true if every path that matches `other` matches this template. If only this template
    /// is exact, `other` counts as it is written, so that a second row with the same template is
    /// reported as a mistake.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let Some((common, more)) = other.segments.split_at_checked(self.segments.len()) else {
            return false;
        };
        let alike = self
            .segments
            .iter()
            .zip(common)
            .all(|(own, other)| *own == Segment::Parameter || own == other);
        alike
            && match self.tail {
                PatternTail::Nothing => {
                    let end = !self.exact || self.slash == other.slash;
                    more.is_empty() && other.tail == PatternTail::Nothing && end
                }
                PatternTail::Something => !more.is_empty() || other.tail == PatternTail::Something,
                PatternTail::Anything => true,
            }
    }
}

/// Returns the segments of a template that begins with a slash. A slash at the end adds no segment.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    // The root path has no segments.
    path.split(|byte| *byte == b'/')
        .skip(usize::from(path.is_empty()))
}

/// A parameter at the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Parameter {
    /// `{name}`
    Segment,
    /// `{*name}`
    Rest,
}

/// Splits a segment of a template into its literal beginning, which stays escaped, and its
/// parameter.
pub(super) fn parts(segment: &[u8]) -> Result<(&[u8], Option<Parameter>), TemplateProblem> {
    let mut start = 0;
    loop {
        match segment.get(start..).unwrap_or_default() {
            [] => return Ok((segment, None)),
            [b'{', b'{', ..] | [b'}', b'}', ..] => start += 2,
            [b'}', ..] => return Err(TemplateProblem::Brace),
            [b'{', name @ ..] => {
                let name = name.strip_suffix(b"}").ok_or(TemplateProblem::Brace)?;
                let (name, parameter) = match name {
                    [b'*', name @ ..] => (name, Parameter::Rest),
                    _ => (name, Parameter::Segment),
                };
                if name.is_empty() {
                    return Err(TemplateProblem::NoName);
                }
                if name.iter().any(|byte| matches!(byte, b'{' | b'}' | b'*')) {
                    return Err(TemplateProblem::Brace);
                }
                return Ok((segment.get(..start).unwrap_or_default(), Some(parameter)));
            }
            _ => start += 1,
        }
    }
}

/// Returns an error if axum's router would refuse the template.
#[cfg(feature = "axum")]
pub(super) fn check_matched(template: &str) -> Result<(), InvalidRoutes> {
    let check = || {
        let path = template.strip_prefix('/').ok_or(TemplateProblem::NoSlash)?;
        let mut rest = false;
        for segment in path.split('/') {
            if rest {
                return Err(TemplateProblem::Wildcard);
            }
            rest = parts(segment.as_bytes())?.1 == Some(Parameter::Rest);
        }
        Ok(())
    };
    check().map_err(|problem| InvalidRoutes::Template {
        template: template.to_owned(),
        problem,
    })
}

/// Returns true if two axum templates are equal, apart from the names of their parameters.
#[cfg(feature = "axum")]
pub(super) fn same_template(one: &str, two: &str) -> bool {
    let nameless = |template| str::split(template, '/').map(|segment| parts(segment.as_bytes()));
    one == two || nameless(one).eq(nameless(two))
}

/// Returns a literal segment, with doubled braces replaced by single ones.
fn unescaped(segment: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(segment.len());
    let mut bytes = segment.iter();
    while let Some(byte) = bytes.next() {
        literal.push(*byte);
        if matches!(byte, b'{' | b'}') {
            bytes.next();
        }
    }
    literal
}
