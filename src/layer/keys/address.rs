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
        match address.to_canonical() {
            IpAddr::V4(address) if bits >= 32 => Some(Self::whole(address)),
            _ => {
                let mut text = Self { bytes: [0; 48], length: 0 };
                write_network(&mut text, address, bits).ok()?;
                Some(text)
            }
        }
    }

    /// What most clients have, without the formatting machinery.
    #[inline]
    fn whole(address: Ipv4Addr) -> Self {
        let mut text = Self { bytes: [0; 48], length: 3 };
        text.bytes[..3].copy_from_slice(b"ip:");
        for octet in address.octets() {
            let Octet { text: digits, length } = OCTETS[usize::from(octet)];
            // All four bytes, whatever counts: the next ones go over the rest.
            if let Some(place) = text.bytes.get_mut(text.length..text.length + 4) {
                place.copy_from_slice(&digits);
            }
            text.length += usize::from(length);
        }
        // Without the last dot.
        text.length -= 1;
        text
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    #[inline]
    pub(in crate::layer) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// An octet in decimal digits, and a dot.
#[derive(Clone, Copy)]
struct Octet {
    text: [u8; 4],
    length: u8,
}

/// What takes a few instructions to look up takes ten times as many to work out.
static OCTETS: [Octet; 256] = {
    let mut octets = [Octet { text: [b'.'; 4], length: 0 }; 256];
    let mut value = 0;
    while value < 256 {
        let digits = [value / 100, value / 10 % 10, value % 10];
        let zeros = (value < 100) as usize + (value < 10) as usize;
        let mut index = zeros;
        while index < 3 {
            octets[value].text[index - zeros] = b'0' + digits[index] as u8;
            index += 1;
        }
        octets[value].length = 4 - zeros as u8;
        value += 1;
    }
    octets
};

impl Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).ok_or(fmt::Error)
    }
}

impl IntoName<EntityId> for AddressText {
    fn as_text(&self) -> &str {
        // It is ASCII.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
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
