//! Where one packet ends and the next begins.

use crate::codec::Encoder;
use bytes::BytesMut;

/// Bytes of the length field.
pub const LENGTH_SIZE: usize = 4;

/// The largest frame by default, its length field included: 10 MiB.
pub const DEFAULT_MAX_FRAME: usize = 10 * 1024 * 1024;

/// A length that no frame can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length does not even count itself.
    #[error("frame claims {0} bytes, less than its own length field of {LENGTH_SIZE}")]
    TooShort(usize),
    /// The frame is larger than this side accepts or sends.
    #[error("frame of {len} bytes is larger than the maximum of {max}")]
    TooLarge {
        /// Length in bytes that the frame has or claims.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
}

/// The length of the frame that starts at the beginning of `input`, length field included; `None` while that field is
/// incomplete. The claim is checked before any byte behind it is there.
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

/// Appends one frame whose content `fill` writes. A frame above `max` bytes is taken back and refused.
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
