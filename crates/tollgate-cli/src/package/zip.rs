//! A zip file with one executable file in it.

use std::io::{self, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};

/// The file's name: AWS Lambda runs it.
const NAME: &[u8] = b"bootstrap";

/// The versions that the format asks for: 2.0, and made on Unix.
const NEEDS: u16 = 20;
const MADE_BY: u16 = 3 << 8 | NEEDS;

/// The method of compression.
const DEFLATED: u16 = 8;

/// 1980-01-01, the first day of the format. The same executable gives the same zip file.
const DATE: u16 = 1 << 5 | 1;

/// A regular file that everybody may read and run.
const MODE: u32 = 0o100_755 << 16;

/// Returns the zip file of an executable.
pub(crate) fn zipped(executable: &[u8]) -> io::Result<Vec<u8>> {
    let mut crc = Crc::new();
    crc.update(executable);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(executable)?;
    let compressed = encoder.finish()?;
    let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "4 GB or more");
    let size = u32::try_from(executable.len()).map_err(too_large)?;
    let compressed_size = u32::try_from(compressed.len()).map_err(too_large)?;

    // The part that the file's own header and the directory have in common.
    let mut common = Vec::new();
    shorts(&mut common, &[NEEDS, 0, DEFLATED, 0, DATE]);
    longs(&mut common, &[crc.sum(), compressed_size, size]);
    shorts(&mut common, &[NAME.len() as u16, 0]);

    let mut file = b"PK\x03\x04".to_vec();
    file.extend(&common);
    file.extend(NAME);
    file.extend(compressed);

    let directory = file.len();
    file.extend(b"PK\x01\x02");
    shorts(&mut file, &[MADE_BY]);
    file.extend(&common);
    shorts(&mut file, &[0, 0, 0]);
    longs(&mut file, &[MODE, 0]);
    file.extend(NAME);

    let length = file.len() - directory;
    let directory = u32::try_from(directory).map_err(too_large)?;
    file.extend(b"PK\x05\x06");
    shorts(&mut file, &[0, 0, 1, 1]);
    longs(&mut file, &[length as u32, directory]);
    shorts(&mut file, &[0]);
    Ok(file)
}

fn shorts(file: &mut Vec<u8>, numbers: &[u16]) {
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn longs(file: &mut Vec<u8>, numbers: &[u32]) {
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
