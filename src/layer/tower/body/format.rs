//! The formats of bodies that rules can read.

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

/// The format of a body, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Server-sent events.
    Events,
    /// JSON, one value or several.
    Json,
    /// JSON messages in the framing of Amazon's event streams.
    #[cfg(feature = "usage-body")]
    Messages,
    /// gRPC messages.
    Grpc,
    /// Any format with a content-encoding.
    Encoded,
    Other,
}

impl Format {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .any(|coding| !is(coding.as_bytes(), "identity"))
        {
            return Self::Encoded;
        }
        let essence = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| {
            value
                .as_bytes()
                .split(|byte| *byte == b';')
                .next()
                .unwrap_or_default()
                .trim_ascii()
        });
        let any = |names: &[&str]| names.iter().any(|name| is(essence, name));
        let starts = |start: &str| {
            essence
                .get(..start.len())
                .is_some_and(|begin| is(begin, start))
        };
        let ends = |end: &str| {
            let from = essence
                .len()
                .checked_sub(end.len())
                .filter(|from| *from > 0);
            from.and_then(|from| essence.get(from..))
                .is_some_and(|found| is(found, end))
        };
        match () {
            () if is(essence, "text/event-stream") => Self::Events,
            #[cfg(feature = "usage-body")]
            () if is(essence, "application/vnd.amazon.eventstream") => Self::Messages,
            () if is(essence, "application/grpc") || starts("application/grpc+") => Self::Grpc,
            () if any(&[
                "application/json",
                "application/x-ndjson",
                "application/jsonl",
            ]) || ends("+json") =>
            {
                Self::Json
            }
            () => Self::Other,
        }
    }
}

fn is(value: &[u8], name: &str) -> bool {
    value.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(kind: &'static str, coding: Option<&'static str>) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        Format::of(&headers)
    }

    #[test]
    fn the_format_follows_from_the_content_type() {
        assert_eq!(Format::of(&HeaderMap::new()), Format::Other);
        for (kind, format) in [
            ("text/event-stream", Format::Events),
            ("Text/Event-Stream ; charset=utf-8", Format::Events),
            ("application/json; charset=utf-8", Format::Json),
            ("APPLICATION/JSON", Format::Json),
            ("application/vnd.api+json", Format::Json),
            ("application/x-ndjson", Format::Json),
            #[cfg(feature = "usage-body")]
            ("application/vnd.amazon.eventstream", Format::Messages),
            ("application/vnd.amazon.eventstream+x", Format::Other),
            ("application/grpc", Format::Grpc),
            ("application/grpc+proto", Format::Grpc),
            ("application/grpc-web", Format::Other),
            ("text/html", Format::Other),
            ("+json", Format::Other),
            ("", Format::Other),
        ] {
            assert_eq!(of(kind, None), format, "{kind}");
            assert_eq!(of(kind, Some("Identity")), format, "{kind}");
            assert_eq!(of(kind, Some("gzip")), Format::Encoded, "{kind}");
        }
    }
}
