//! The deletion of many objects in one request.

use aws_smithy_types::base64;
use aws_smithy_xml::{decode::Document, encode::XmlWriter};
use sha2::{Digest, Sha256};

use super::listing::{Listed, texts};

/// Returns the body of a request that deletes all objects of a list.
pub(super) fn request(listed: &Listed) -> Vec<u8> {
    let mut body = String::new();
    let mut writer = XmlWriter::new(&mut body);
    let mut root = writer.start_el("Delete").finish();
    root.start_el("Quiet").finish().data("true");
    for version in &listed.versions {
        let mut object = root.start_el("Object").finish();
        object.start_el("Key").finish().data(&version.key);
        object.start_el("VersionId").finish().data(&version.id);
        object.finish();
    }
    root.finish();
    body.into_bytes()
}

/// Returns the checksum of a body, which S3 wants for this request.
pub(super) fn checksum(body: &[u8]) -> String {
    base64::encode(Sha256::digest(body))
}

/// Returns the first object that was not deleted, and the reason.
pub(super) fn failure(answer: &str) -> Option<String> {
    let mut document = Document::new(answer);
    let mut root = document.root_element().ok()?;
    while let Some(mut element) = root.next_tag() {
        if element.start_el().matches("Error") {
            let [key, code, message] = texts(&mut element, ["Key", "Code", "Message"]);
            let told = |text: Option<String>| text.unwrap_or_default();
            return Some(format!("{}: {}: {}", told(key), told(code), told(message)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_versions_and_an_answer_what_failed() {
        let list = "<ListVersionsResult><Version><Key>a&lt;b</Key><VersionId>1</VersionId></Version></ListVersionsResult>";
        let listed = Listed::parse(list).unwrap();
        assert_eq!(
            String::from_utf8(request(&listed)).unwrap(),
            "<Delete><Quiet>true</Quiet><Object><Key>a&lt;b</Key><VersionId>1</VersionId></Object></Delete>"
        );
        assert_eq!(failure("<DeleteResult/>"), None);
        let failed = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
        assert_eq!(failure(failed).as_deref(), Some("a: AccessDenied: no"));
    }
}
