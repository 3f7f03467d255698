//! A client's address as an entity id, written without an allocation.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr},
};

use crate::model::{EntityId, IntoName, InvalidName, write_network};

/// A client's address, of which the first bits count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::layer) struct Network {
    pub(super) address: IpAddr,
    pub(super) bits: u8,
}

impl Network {
    pub(super) fn entity(self) -> EntityId {
        EntityId::from_ip_prefix(self.address, self.bits)
    }
}

/// The text of an address's entity id. Most requests come from addresses whose bucket exists:
/// then the text suffices to find it.
pub(in crate::layer) struct AddressText {
    /// `ip6:`, eight groups of four digits with their separators, and `-128` are longer than any
    /// other.
    bytes: [u8; 48],
    length: usize,
}

impl AddressText {
    /// The text of [`EntityId::from_ip_prefix`]. `None` where it would not fit.
    pub(in crate::layer) fn new(Network { address, bits }: Network) -> Option<Self> {
        let mut text = Self { bytes: [0; 48], length: 0 };
        match address.to_canonical() {
            IpAddr::V4(address) if bits >= 32 => text.whole(address)?,
            _ => write_network(&mut text, address, bits).ok()?,
        }
        Some(text)
    }

    /// What most clients have, without the formatting machinery.
    fn whole(&mut self, address: Ipv4Addr) -> Option<()> {
        self.push(b"ip:")?;
        for (index, octet) in address.octets().into_iter().enumerate() {
            if index > 0 {
                self.push(b".")?;
            }
            self.decimal(octet)?;
        }
        Some(())
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
        for address in [
            "0.0.0.0",
            "255.255.255.255",
            "10.9.99.100",
            "::ffff:203.0.113.7",
            "::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let address: IpAddr = address.parse().unwrap();
            for bits in 0..=255 {
                let network = Network { address, bits };
                let id = network.entity();
                assert_eq!(AddressText::new(network).unwrap().as_text(), id.as_str());
                assert_eq!(AddressText::new(network).unwrap().into_name().unwrap(), id);
            }
        }
    }
}
