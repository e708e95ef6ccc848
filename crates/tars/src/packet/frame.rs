//! Frames: a length, then one packet (`docs/reference/wire.md#6.1`).

use crate::codec::Encoder;
use bytes::BytesMut;

/// How many bytes the length at the start of a frame has.
pub const LENGTH_SIZE: usize = 4;

/// The largest frame by default, with its length: 10 MiB (`docs/reference/wire.md#6.2`).
pub const DEFAULT_MAX_FRAME: usize = 10 * 1024 * 1024;

/// A length that no frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame claims fewer bytes than its length takes.
    #[error("frame claims {0} bytes, less than its own length field of {LENGTH_SIZE}")]
    TooShort(usize),
    /// The frame is larger than this side accepts or sends.
    #[error("frame of {len} bytes is larger than the maximum of {max}")]
    TooLarge {
        /// How many bytes the frame has or claims.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
}

/// Reads how long the frame at the beginning of `input` is, with its length; `None` if not all bytes of the length are there yet.
/// The length is checked before any further byte has arrived.
pub fn read_frame_length(input: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let Some(length) = input.first_chunk::<LENGTH_SIZE>() else { return Ok(None) };
    let len = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if len < LENGTH_SIZE {
        Err(FrameError::TooShort(len))
    } else if len > max {
        Err(FrameError::TooLarge { len, max })
    } else {
        Ok(Some(len))
    }
}

/// Appends one frame whose content `fill` writes. If the frame is larger than `max` bytes, it is removed again and an error is
/// returned.
pub fn write_frame(out: &mut BytesMut, max: usize, fill: impl FnOnce(&mut Encoder<'_>)) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_SIZE]);
    fill(&mut Encoder::new(out));
    let len = out.len() - start;
    match u32::try_from(len) {
        Ok(length) if len <= max => {
            out[start..start + LENGTH_SIZE].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(FrameError::TooLarge { len, max })
        }
    }
}
