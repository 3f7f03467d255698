//! Executables that can be functions: static ones for Linux.

use clap::ValueEnum;
use serde::Serialize;

/// The length of an ELF header, and of an entry of its table of segments.
const HEADER: usize = 64;
const SEGMENT: usize = 56;

/// The kind of the segment that names a dynamic linker.
const INTERPRETER: u32 = 3;

/// A processor of AWS Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub(crate) enum Arch {
    /// Intel and AMD
    #[serde(rename = "x86_64")]
    #[value(name = "x86_64")]
    X86,
    /// Graviton
    #[serde(rename = "arm64")]
    #[value(name = "arm64", alias = "aarch64")]
    Arm,
}

impl Arch {
    /// Returns Lambda's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// A static executable for Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) arch: Arch,
}

impl Executable {
    /// Reads the head of a file. The error says why the file cannot be a function.
    pub(crate) fn read(file: &[u8]) -> Result<Self, &'static str> {
        let foreign = "it is no executable for Linux on 64 bits";
        let head = file.get(..HEADER).ok_or(foreign)?;
        // ELF, 64 bits, little-endian.
        if !head.starts_with(b"\x7fELF\x02\x01") {
            return Err(foreign);
        }
        let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let arch = match short(18) {
            0x3e => Arch::X86,
            0xb7 => Arch::Arm,
            _ => return Err("it is for a processor that AWS Lambda does not have"),
        };
        let begin = u64::from_le_bytes(head[32..40].try_into().map_err(|_| foreign)?);
        let begin = usize::try_from(begin).map_err(|_| foreign)?;
        for index in 0..usize::from(short(56)) {
            let at = begin.checked_add(index * SEGMENT).ok_or(foreign)?;
            let kind = file.get(at..).and_then(|rest| rest.first_chunk());
            let kind = u32::from_le_bytes(*kind.ok_or(foreign)?);
            if kind == INTERPRETER {
                return Err(
                    "it needs a dynamic linker, and libraries that AWS Lambda may not have",
                );
            }
        }
        Ok(Self { arch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the head of an executable with one segment.
    fn executable(machine: u16, kind: u32) -> Vec<u8> {
        let mut file = vec![0; HEADER + SEGMENT];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
        file[56..58].copy_from_slice(&1_u16.to_le_bytes());
        file[HEADER..HEADER + 4].copy_from_slice(&kind.to_le_bytes());
        file
    }

    #[test]
    fn only_static_executables_of_lambdas_processors_are_taken() {
        let arch = |file: &[u8]| Executable::read(file).map(|executable| executable.arch);
        assert_eq!(arch(&executable(0x3e, 1)), Ok(Arch::X86));
        assert_eq!(arch(&executable(0xb7, 1)), Ok(Arch::Arm));
        assert!(
            arch(&executable(0x3e, 3))
                .unwrap_err()
                .contains("dynamic linker")
        );
        assert!(
            arch(&executable(0x08, 1))
                .unwrap_err()
                .contains("processor")
        );
        for foreign in [&b"#!/bin/sh\n"[..], &executable(0x3e, 1)[..66], b""] {
            assert!(arch(foreign).unwrap_err().contains("no executable"));
        }
    }
}
