//! Parses Amazon's event streams incrementally.

use super::event_stream::Part;

/// The length of a prelude: the lengths of a message and of its headers, and a checksum of both.
const PRELUDE: u64 = 12;
/// The length of the checksum of a message.
const CHECKSUM: u64 = 4;

/// Parses a body of `application/vnd.amazon.eventstream`, in pieces of any size. Bedrock streams
/// its answers in such messages. The parser keeps a few bytes of state and none of the stream.
///
/// A message consists of a prelude, headers, a payload and a checksum. The headers and checksums
/// are not read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The number of bytes of the current message that have come.
    at: u64,
    /// The length of the message, and that of its headers.
    lengths: [u32; 2],
}

/// An error: the lengths of a message do not fit each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit;

impl Messages {
    /// Parses the next piece, and passes the parts of its payloads to `part`.
    ///
    /// # Errors
    /// [`Misfit`] if the body is not such a stream. Then no more of the body can be read.
    pub(super) fn feed(
        &mut self,
        mut piece: &[u8],
        mut part: impl FnMut(Part<'_>),
    ) -> Result<(), Misfit> {
        while let Some((&byte, rest)) = piece.split_first() {
            if self.at < PRELUDE {
                if let Some(length) = self
                    .lengths
                    .get_mut(usize::from(self.at >= 4))
                    .filter(|_| self.at < 8)
                {
                    *length = *length << 8 | u32::from(byte);
                }
                self.at += 1;
                piece = rest;
                continue;
            }
            let [total, headers] = self.lengths.map(u64::from);
            let payload = PRELUDE + headers;
            let checksum = total
                .checked_sub(CHECKSUM)
                .filter(|checksum| *checksum >= payload)
                .ok_or(Misfit)?;
            let next = [payload, checksum, total]
                .into_iter()
                .find(|next| *next > self.at)
                .ok_or(Misfit)?;
            let length = usize::try_from(next - self.at)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            let (now, rest) = piece.split_at(length);
            if (payload..checksum).contains(&self.at) {
                part(Part::Data(now));
            }
            self.at += length as u64;
            if self.at == total {
                *self = Self::default();
                part(Part::End);
            }
            piece = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
        let parts = [
            &length(16 + headers.len() + payload.len())[..],
            &length(headers.len()),
            &[0xff; 4],
        ];
        [&parts.concat(), headers, payload, &[0xee; 4]].concat()
    }

    /// Returns the payloads of a stream that comes in pieces of this size.
    fn payloads(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), Misfit>) {
        let (mut messages, mut payloads, mut payload) =
            (Messages::default(), Vec::new(), Vec::new());
        let result = stream.chunks(size).try_for_each(|piece| {
            messages.feed(piece, |part| match part {
                Part::Data(data) => payload.extend_from_slice(data),
                Part::End => payloads.push(std::mem::take(&mut payload)),
            })
        });
        (payloads, result)
    }

    #[test]
    fn a_length_that_does_not_fit_ends_the_messages() {
        for lengths in [[0, 0], [15, 0], [16, 1], [100, 85], [100, u32::MAX]] {
            let prelude: Vec<_> = lengths
                .iter()
                .flat_map(|length: &u32| length.to_be_bytes())
                .chain([0; 4])
                .collect();
            let stream = [&prelude[..], b"more"].concat();
            for size in [1, stream.len()] {
                assert_eq!(
                    payloads(&stream, size),
                    (vec![], Err(Misfit)),
                    "{lengths:?}"
                );
            }
        }
        assert_eq!(
            payloads(b"{\"usage\":{\"totalTokens\":9}}", 5),
            (vec![], Ok(())),
            "it would be a long message"
        );
    }

    proptest! {
        #[test]
        fn the_reader_takes_messages_in_any_pieces(
            messages in vec((vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..20)), 0..5),
            size in 1usize..50,
        ) {
            let stream: Vec<_> = messages.iter().flat_map(|(headers, payload)| message(headers, payload)).collect();
            let expected = messages.into_iter().map(|(_, payload)| payload).collect();
            prop_assert_eq!(payloads(&stream, size), (expected, Ok(())));
            for cut in 0..stream.len() {
                prop_assert!(payloads(&stream[..cut], size).1.is_ok());
            }
        }

        #[test]
        fn the_reader_takes_any_bytes(stream in vec(any::<u8>(), 0..200), size in 1usize..50) {
            prop_assert_eq!(payloads(&stream, size), payloads(&stream, 200));
        }
    }
}
