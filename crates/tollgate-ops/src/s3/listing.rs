//! A list of objects, as S3 answers it.

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// The keys of a bucket's first objects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) keys: Vec<String>,
}

impl Listed {
    /// Reads an answer. Returns `None` if it is no list.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut document = Document::new(text);
        let mut root = document.root_element().ok()?;
        if !root.start_el().matches("ListBucketResult") {
            return None;
        }
        let mut keys = Vec::new();
        while let Some(mut element) = root.next_tag() {
            if element.start_el().matches("Contents") {
                keys.push(key(&mut element)?);
            }
        }
        Some(Self { keys })
    }
}

fn key(contents: &mut ScopedDecoder<'_, '_>) -> Option<String> {
    while let Some(mut element) = contents.next_tag() {
        if element.start_el().matches("Key") {
            return Some(try_data(&mut element).ok()?.into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_a_list() {
        let list = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><Contents><Key>a/b.zip</Key><Size>1</Size></Contents>\
            <Contents><Size>1</Size><Key>x&amp;y</Key></Contents></ListBucketResult>";
        let keys = vec!["a/b.zip".to_owned(), "x&y".to_owned()];
        assert_eq!(Listed::parse(list), Some(Listed { keys }));
        assert_eq!(Listed::parse("<Error><Code>x</Code></Error>"), None);
        assert_eq!(Listed::parse("{}"), None);
    }
}
