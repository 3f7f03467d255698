//! Extractors compared with other libraries' readings of the same request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, Request},
    routing::get,
};
use percent_encoding::percent_decode_str;
use proptest::{prelude::*, sample::select};
use tollgate::{
    EntityId,
    layer::{KeyExtractor, RequestHead, keys},
};
use tower::ServiceExt;

use super::{entity, for_uri};
use crate::routes::generate::{run, templates};

/// Pieces of queries: separators, both encodings of a space, invalid encodings.
const PIECES: [&str; 18] = [
    "user", "user=", "%75ser=", "us%65r", "key=", "=", "&", "&", "&&", "+", "%20", "%2B", "%26",
    "%3D", "a", "b;user=c", "%", "%zz",
];

proptest! {
    /// The key is the only parameter with the name, and not empty, as `form_urlencoded` reads it.
    #[test]
    fn query_parameters_agree_with_form_urlencoded(pieces in prop::collection::vec(select(&PIECES[..]), 0..12)) {
        let query = pieces.concat();
        let request = for_uri(&format!("/?{query}"));
        let found: Vec<_> =
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "user").map(|(_, value)| value).collect();
        // The oracle replaces bytes that are not UTF-8. The key keeps such values apart.
        prop_assume!(!found.iter().any(|value| value.contains('\u{fffd}')));
        let expected = match &found[..] {
            [value] if !value.is_empty() => Some(EntityId::from_untrusted(value.as_bytes()).unwrap()),
            _ => None,
        };
        prop_assert_eq!(entity(&keys::query_parameter("user"), &request).ok(), expected, "{}", query);
    }

    /// A path parameter is the decoded value that axum's handlers see.
    #[test]
    fn path_parameters_agree_with_axum((templates, paths) in templates(1)) {
        let seen = Arc::new(Mutex::new(None));
        let handler = {
            let seen = seen.clone();
            async move |Path(parameters): Path<HashMap<String, String>>, request: Request| {
                let head = RequestHead::from(&request);
                let keys = parameters.into_iter().map(|(name, value)| {
                    let key = keys::path_parameter(name.clone()).extract(&head).map(|key| key.into_entity().ok());
                    (name, value, key.expect("the route has it"))
                });
                *seen.lock().unwrap() = Some(keys.collect::<Vec<_>>());
            }
        };
        let app: Router = Router::new().route(&templates[0], get(handler));
        for path in &paths {
            run(app.clone().oneshot(for_uri(path))).unwrap();
            for (name, value, key) in seen.lock().unwrap().take().into_iter().flatten() {
                let expected = EntityId::from_untrusted(value.as_bytes()).ok();
                prop_assert_eq!(key, expected, "{} of {} under {}", name, path, templates[0]);
            }
        }
    }

    /// The key is the only cookie with the name, for a reader that splits at semicolons and
    /// decodes.
    #[test]
    fn cookies_agree_with_a_reader_that_splits_and_decodes(pieces in prop::collection::vec(select(&COOKIES[..]), 0..10)) {
        let line = pieces.concat();
        let mut found = Vec::new();
        for (name, value) in line.split(';').filter_map(|pair| pair.split_once('=')) {
            if percent_decode_str(name.trim()).decode_utf8_lossy() == "sid" {
                let value = value.trim();
                let whole = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
                let value = if whole { &value[1..value.len() - 1] } else { value };
                found.push(percent_decode_str(value).collect::<Vec<u8>>());
            }
        }
        let expected = match &found[..] {
            [value] if !value.is_empty() => Some(EntityId::from_untrusted(value).unwrap()),
            _ => None,
        };
        let request = crate::world::with_headers(&[("cookie", line.as_bytes())]);
        prop_assert_eq!(entity(&keys::cookie("sid"), &request).ok(), expected, "{}", line);
    }
}

/// Pieces of cookie headers.
const COOKIES: [&str; 16] = [
    "sid", "sid=", "s%69d=", "SID=", "x=", "=", ";", "; ", " ", "\"", "\"abc\"", "a%62c", "%",
    "%22", "%3B", "abc",
];
