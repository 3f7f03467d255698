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
    /// All of an IPv4 address, 64 bits of an IPv6 address. `address` is no IPv4-mapped one.
    #[inline]
    pub(in crate::layer) fn usual(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 64 } }
    }

    pub(super) fn entity(self) -> EntityId {
        EntityId::from_ip_prefix(self.address, self.bits)
    }
}

/// The text of an address's entity id. Most requests come from addresses whose bucket exists:
/// then the text suffices to find it.
///
/// It is written where it stays: a processor stalls where bytes are moved that were just written.
pub(in crate::layer) struct AddressText {
    /// `ip6:`, eight groups of four digits with their separators, and `-128` are longer than any
    /// other.
    bytes: [u8; 48],
    length: usize,
}

impl AddressText {
    #[inline]
    pub(in crate::layer) fn new() -> Self {
        Self { bytes: [0; 48], length: 0 }
    }

    /// Writes the text of [`EntityId::from_ip_prefix`]. Whether it has fitted.
    #[inline]
    pub(in crate::layer) fn write(&mut self, Network { address, bits }: Network) -> bool {
        self.length = 0;
        match address {
            IpAddr::V4(address) if bits >= 32 => {
                self.write_whole(address);
                true
            }
            _ => write_network(self, address, bits).is_ok(),
        }
    }

    /// What most clients have, without the formatting machinery.
    #[inline]
    fn write_whole(&mut self, address: Ipv4Addr) {
        let (mut digits, mut bits) = (0_u128, 0);
        for octet in address.octets() {
            let Octet { text, bits: more } = OCTETS[usize::from(octet)];
            digits |= u128::from(text) << bits;
            bits += u32::from(more);
        }
        // In two pieces, of which mostly only the first is read.
        let (first, rest) = (digits << 24 | u128::from(u32::from_le_bytes(*b"ip:\0")), digits >> 104);
        self.bytes[..16].copy_from_slice(&first.to_le_bytes());
        self.bytes[16..32].copy_from_slice(&rest.to_le_bytes());
        // Without the last dot.
        self.length = 3 + bits as usize / 8 - 1;
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    #[inline]
    pub(in crate::layer) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// An octet in decimal digits, and a dot: the first in the lowest byte.
#[derive(Clone, Copy)]
struct Octet {
    text: u32,
    bits: u8,
}

/// What takes a few instructions to look up takes ten times as many to work out.
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

impl IntoName<EntityId> for &AddressText {
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
                let mut text = AddressText::new();
                assert!(text.write(network));
                let text = &text;
                assert_eq!(text.as_text(), id.as_str());
                assert_eq!(text.into_name().unwrap(), id);
            }
        }
    }
}
