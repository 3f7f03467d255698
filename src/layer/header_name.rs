//! Names of headers that rules are built with.

use std::fmt;

use http::HeaderName;

/// Returns the name of a header, in whatever case it is written.
///
/// # Panics
/// If it is a text that is no header name.
#[track_caller]
pub(super) fn header_name<N>(name: N) -> HeaderName
where
    N: TryInto<HeaderName, Error: fmt::Display>,
{
    match name.try_into() {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    }
}

/// Returns the names of headers, as [`header_name`].
#[track_caller]
pub(super) fn header_names<N>(names: impl IntoIterator<Item = N>) -> Box<[HeaderName]>
where
    N: TryInto<HeaderName, Error: fmt::Display>,
{
    let mut all = Vec::new();
    for name in names {
        all.push(header_name(name));
    }
    all.into()
}
