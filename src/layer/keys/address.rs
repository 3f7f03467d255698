//! A client's address as an entity id, written without an allocation.

use std::{
    fmt::{self, Write},
    net::IpAddr,
};

use crate::model::{EntityId, IntoName, InvalidName};

/// The text of an address's entity id. Most requests come from addresses whose bucket exists:
/// then the text suffices to find it.
pub(in crate::layer) struct AddressText {
    /// `ip6:` and four groups of four digits with their separators are longer than any other.
    bytes: [u8; 32],
    length: usize,
}

impl AddressText {
    /// The text of [`EntityId::from_ip`]. `None` where it would not fit.
    pub(in crate::layer) fn new(address: IpAddr) -> Option<Self> {
        let mut text = Self { bytes: [0; 32], length: 0 };
        match address.to_canonical() {
            IpAddr::V4(address) => {
                text.push(b"ip:")?;
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        text.push(b".")?;
                    }
                    text.decimal(octet)?;
                }
            }
            address => write!(text, "{}", EntityId::from_ip(address)).ok()?,
        }
        Some(text)
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    fn decimal(&mut self, octet: u8) -> Option<()> {
        let digits = [b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10];
        let zeros = usize::from(octet < 100) + usize::from(octet < 10);
        self.push(&digits[zeros..])
    }
}

impl Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).ok_or(fmt::Error)
    }
}

impl IntoName<EntityId> for AddressText {
    fn as_text(&self) -> &str {
        // It is ASCII.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn into_name(self) -> Result<EntityId, InvalidName> {
        EntityId::new(self.as_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_text_of_the_entity_id() {
        for address in
            ["0.0.0.0", "255.255.255.255", "10.9.99.100", "::ffff:203.0.113.7", "::", "2001:db8:ffff:ffff::1"]
        {
            let address = address.parse().unwrap();
            let id = EntityId::from_ip(address);
            assert_eq!(AddressText::new(address).unwrap().as_text(), id.as_str());
            assert_eq!(AddressText::new(address).unwrap().into_name().unwrap(), id);
        }
    }
}
