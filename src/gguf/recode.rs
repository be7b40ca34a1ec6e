//! The same weights in a type for which the CPU has faster kernels, to the last bit.
//!
//! llama.cpp multiplies by Q5_0 blocks without AMX, and by Q8_0 blocks with it. A Q5_0 block is a scale and 32 numbers
//! from -16 to 15, a Q8_0 block a scale and 32 numbers from -128 to 127 (`ggml-common.h`, `block_q5_0` and
//! `block_q8_0`): the one can be written as the other with nothing lost, half as large again. Files in which rows are no
//! multiple of 256, like those of Qwen2.5-0.5B, hold most of their weights so.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Header, TensorInfo, TensorType};

const Q5_0: TensorType = TensorType(6);
const Q8_0: TensorType = TensorType(8);

/// Bytes of a Q5_0 block: the scale, the fifth bits, the lower four bits.
const Q5_0_BYTES: usize = 22;

/// Whether a file has weights that can be recoded.
#[must_use]
pub fn applies(header: &Header) -> bool {
    header.tensors.iter().any(|tensor| tensor.kind == Q5_0)
}

/// Writes the file of `header` to `target` with Q8_0 blocks for those of Q5_0. The file appears whole or not at all: not where
/// `goes_on`, which is asked at each piece, breaks off.
///
/// # Errors
/// Of reading or writing, or where the file is no longer what its header says, or nobody waits for the copy any more.
pub fn write(header: &Header, target: &Path, goes_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<()> {
    let folder = target.parent().ok_or_else(|| io::Error::other("a copy needs a folder"))?;
    // A name of its own: another thread may be writing the same.
    let mut partial = tempfile::Builder::new().prefix(".recoding-").tempfile_in(folder)?;
    write_to(header, partial.as_file_mut(), goes_on)?;
    partial.persist(target).map(drop).map_err(|error| error.error)
}

fn write_to(header: &Header, target: &mut File, goes_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<()> {
    let source = File::open(&header.path)?;
    let mut out = Counted { inner: BufWriter::with_capacity(1 << 20, target), count: 0 };
    pieces(&source, 0, header.tensors_start, |piece| out.write_all(piece))?;

    let mut offset = 0_u64;
    let mut sizes = Vec::new();
    for tensor in &header.tensors {
        let kind = if tensor.kind == Q5_0 { Q8_0 } else { tensor.kind };
        out.describe(tensor, kind, offset)?;
        let size = |kind: TensorType| {
            let (weights, bytes) = kind.block()?;
            (tensor.elements() / weights).checked_mul(bytes)
        };
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, "it has a tensor of a type that is not known here");
        let (stored, recoded) = size(tensor.kind).zip(size(kind)).ok_or_else(unknown)?;
        sizes.push(stored);
        offset += recoded.next_multiple_of(header.alignment);
    }
    out.align(header.alignment)?;
    for (tensor, stored) in header.tensors.iter().zip(sizes) {
        pieces(&source, header.data_start + tensor.offset, stored, |piece| {
            if goes_on().is_break() {
                return Err(io::Error::other("it was broken off"));
            }
            match tensor.kind {
                Q5_0 => piece.chunks_exact(Q5_0_BYTES).try_for_each(|block| out.write_all(&recoded(block))),
                _ => out.write_all(piece),
            }
        })?;
        out.align(header.alignment)?;
    }
    out.inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Gives `then` so many bytes of a file, piece by piece; each but the last is a multiple of a Q5_0 block.
fn pieces(file: &File, from: u64, count: u64, mut then: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; Q5_0_BYTES << 16];
    let mut done = 0;
    while done < count {
        let size = usize::try_from(count - done).map_or(piece.len(), |left| left.min(piece.len()));
        // Fails where the file has become shorter than its header says.
        file.read_exact_at(&mut piece[..size], from + done)?;
        then(&piece[..size])?;
        done += size as u64;
    }
    Ok(())
}

/// One block: the scale stays, and each number is its four lower bits and its fifth, less 16.
fn recoded(block: &[u8]) -> [u8; 34] {
    let mut out = [0; 34];
    out[..2].copy_from_slice(&block[..2]);
    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    for (place, &pair) in block[6..Q5_0_BYTES].iter().enumerate() {
        for (place, lower) in [(place, pair & 15), (place + 16, pair >> 4)] {
            let number = lower | u8::from(fifth >> place & 1 == 1) << 4;
            out[2 + place] = number.wrapping_sub(16);
        }
    }
    out
}

/// A writer that knows where it is.
struct Counted<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Counted<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    fn describe(&mut self, tensor: &TensorInfo, kind: TensorType, offset: u64) -> io::Result<()> {
        self.write_all(&(tensor.name.len() as u64).to_le_bytes())?;
        self.write_all(tensor.name.as_bytes())?;
        self.write_all(&(tensor.dimensions.len() as u32).to_le_bytes())?;
        for size in &tensor.dimensions {
            self.write_all(&size.to_le_bytes())?;
        }
        self.write_all(&kind.0.to_le_bytes())?;
        self.write_all(&offset.to_le_bytes())
    }

    fn align(&mut self, to: u64) -> io::Result<()> {
        for _ in self.count..self.count.next_multiple_of(to) {
            self.write_all(&[0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A scale of 1 shows the numbers themselves: the reference is ggml's own loop for Q5_0.
        #[test]
        fn a_block_keeps_its_numbers(block in prop::array::uniform22(any::<u8>())) {
            let out = recoded(&block);
            prop_assert_eq!(&out[..2], &block[..2]);
            let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
            for j in 0..16 {
                let high_0 = ((fifth >> j) << 4) & 0x10;
                let high_1 = (fifth >> (j + 12)) & 0x10;
                let x0 = ((u32::from(block[6 + j]) & 0x0f) | high_0) as i32 - 16;
                let x1 = ((u32::from(block[6 + j]) >> 4) | high_1) as i32 - 16;
                prop_assert_eq!(i32::from(out[2 + j] as i8), x0);
                prop_assert_eq!(i32::from(out[2 + j + 16] as i8), x1);
            }
        }
    }
}
