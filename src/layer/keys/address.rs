//! The entity id of a client's address, written without an allocation.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr},
};

use crate::model::{EntityId, IntoName, InvalidName, Sealed, write_network};

/// A client's address, and how many of its first bits identify the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(super) address: IpAddr,
    pub(super) bits: u8,
}

impl Network {
    /// Returns the network with all bits of an IPv4 address, or the first 64 bits of an IPv6
    /// address. `address` must not be an IPv6 address that stands for an IPv4 address.
    #[inline]
    pub(crate) fn usual(address: IpAddr) -> Self {
        Self {
            address,
            bits: if address.is_ipv4() { 32 } else { 64 },
        }
    }

    pub(super) fn entity(self) -> EntityId {
        EntityId::from_ip_prefix(self.address, self.bits)
    }
}

/// The text of an address's entity id. Most requests come from addresses whose bucket exists. The
/// text is enough to find that bucket.
///
/// The text is written in its final place and not moved: a copy of bytes that were just written
/// stalls the processor.
pub(crate) struct AddressText {
    /// The buffer is longer than the longest text: `ip6:`, eight groups of four digits with their
    /// separators, and `-128`.
    bytes: [u8; 48],
    length: usize,
}

impl AddressText {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; 48],
            length: 0,
        }
    }

    /// Writes the text of [`EntityId::from_ip_prefix`]. Returns true if the text fits.
    #[inline]
    pub(crate) fn write(&mut self, Network { address, bits }: Network) -> bool {
        self.length = 0;
        match address {
            IpAddr::V4(address) if bits >= 32 => {
                self.write_whole(address);
                true
            }
            _ => write_network(self, address, bits).is_ok(),
        }
    }

    /// Writes a whole IPv4 address without `core::fmt`, which is slower. Most clients have an IPv4
    /// address.
    #[inline]
    fn write_whole(&mut self, address: Ipv4Addr) {
        let (mut digits, mut bits) = (0_u128, 0);
        for octet in address.octets() {
            let Octet { text, bits: more } = OCTETS[usize::from(octet)];
            digits |= u128::from(text) << bits;
            bits += u32::from(more);
        }
        // Write two pieces of 16 bytes. Mostly only the first piece is read.
        let (first, rest) = (
            digits << 24 | u128::from(u32::from_le_bytes(*b"ip:\0")),
            digits >> 104,
        );
        self.bytes[..16].copy_from_slice(&first.to_le_bytes());
        self.bytes[16..32].copy_from_slice(&rest.to_le_bytes());
        // `ip:` has 3 bytes. The dot of the last octet does not count.
        self.length = 3 + bits as usize / 8 - 1;
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The decimal digits of an octet and a dot. The first character is in the lowest byte.
#[derive(Clone, Copy)]
struct Octet {
    text: u32,
    bits: u8,
}

/// The texts of all octets. To compute a text takes ten times as many instructions as to look it up
/// here.
static OCTETS: [Octet; 256] = {
    let mut octets = [Octet { text: 0, bits: 0 }; 256];
    let mut value = 0;
    while value < 256 {
        let (mut text, mut bits) = (b'.' as u32, 8);
        let mut rest = value as u32;
        loop {
            text = text << 8 | (b'0' as u32 + rest % 10);
            bits += 8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        octets[value] = Octet { text, bits };
        value += 1;
    }
    octets
};

impl Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).ok_or(fmt::Error)
    }
}

impl Sealed for &AddressText {}

impl IntoName<EntityId> for &AddressText {
    fn as_text(&self) -> &str {
        // The text is ASCII, so the conversion never fails.
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
    fn an_address_text_is_the_text_of_the_entity_id() {
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
                let mut text = AddressText::new();
                assert!(text.write(network));
                let text = &text;
                assert_eq!(text.as_text(), id.as_str());
                assert_eq!(text.into_name().unwrap(), id);
            }
        }
    }
}
