//! Lists of objects and of tags, as S3 answers them.

use std::collections::BTreeMap;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// The first versions of a bucket's objects, and the marks of those that were deleted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) versions: Vec<Version>,
}

/// A version of an object, or the mark of its deletion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) key: String,
    /// The id; `null` for the only version of an object whose bucket keeps no others.
    pub(super) id: String,
    is_object: bool,
}

impl Listed {
    /// Reads an answer. Returns `None` if it is no list.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut document = Document::new(text);
        let mut root = document.root_element().ok()?;
        if !root.start_el().matches("ListVersionsResult") {
            return None;
        }
        let mut versions = Vec::new();
        while let Some(mut element) = root.next_tag() {
            let is_object = element.start_el().matches("Version");
            if is_object || element.start_el().matches("DeleteMarker") {
                let [key, id] = texts(&mut element, ["Key", "VersionId"]);
                versions.push(Version {
                    key: key?,
                    id: id.unwrap_or_else(|| "null".to_owned()),
                    is_object,
                });
            }
        }
        Some(Self { versions })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Returns the number of objects, without marks.
    pub(super) fn objects(&self) -> u64 {
        let objects = self.versions.iter().filter(|version| version.is_object);
        objects.count() as u64
    }
}

/// Reads a set of tags. An answer that is none has no tags.
pub(super) fn tags(text: &str) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut document = Document::new(text);
    let Ok(mut root) = document.root_element() else {
        return tags;
    };
    while let Some(mut set) = root.next_tag() {
        while let Some(mut tag) = set.next_tag() {
            if let [Some(key), Some(value)] = texts(&mut tag, ["Key", "Value"]) {
                tags.insert(key, value);
            }
        }
    }
    tags
}

/// Returns the texts of an element's children with these names.
pub(super) fn texts<const N: usize>(
    element: &mut ScopedDecoder<'_, '_>,
    names: [&str; N],
) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    while let Some(mut child) = element.next_tag() {
        let place = names.iter().position(|name| child.start_el().matches(name));
        if let Some(place) = place {
            found[place] = try_data(&mut child).ok().map(|text| text.into_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_a_list() {
        let list = "<?xml version=\"1.0\"?><ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><Version><Key>a/b.zip</Key><VersionId>3</VersionId><Size>1</Size></Version>\
            <Version><Size>1</Size><Key>x&amp;y</Key></Version>\
            <DeleteMarker><Key>z</Key><VersionId>4</VersionId></DeleteMarker></ListVersionsResult>";
        let version = |key: &str, id: &str, is_object| Version {
            key: key.to_owned(),
            id: id.to_owned(),
            is_object,
        };
        let listed = Listed::parse(list).unwrap();
        assert_eq!(listed.objects(), 2);
        let versions = [
            version("a/b.zip", "3", true),
            version("x&y", "null", true),
            version("z", "4", false),
        ];
        assert_eq!(listed.versions, versions);
        assert_eq!(Listed::parse("<Error><Code>x</Code></Error>"), None);
        assert_eq!(Listed::parse("{}"), None);
    }

    #[test]
    fn tags_are_read() {
        let set = "<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag>\
            <Tag><Value>b</Value><Key>aws:cloudformation:stack-name</Key></Tag></TagSet></Tagging>";
        let tags = tags(set);
        assert_eq!(tags["team"], "a");
        assert_eq!(tags["aws:cloudformation:stack-name"], "b");
    }
}
