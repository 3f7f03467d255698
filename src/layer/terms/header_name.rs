//! Parses the header names that rules are built with.

use std::fmt;

use http::HeaderName;

/// Parses the name of a header. Upper and lower case are the same.
///
/// # Panics
/// If `name` is not a valid header name. The panic's message contains the name.
#[track_caller]
pub(crate) fn header_name<N>(name: N) -> HeaderName
where
    N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
{
    let text = format!("{name:?}");
    match name.try_into() {
        Ok(name) => name,
        Err(error) => panic!("{error}: {text}"),
    }
}

/// Parses names of headers, as [`header_name`] does.
#[track_caller]
pub(crate) fn header_names<N>(names: impl IntoIterator<Item = N>) -> Box<[HeaderName]>
where
    N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
{
    let mut all = Vec::new();
    for name in names {
        all.push(header_name(name));
    }
    all.into()
}
