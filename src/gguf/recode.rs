//! A lossless rewriting of Q5_0 weights as Q8_0 weights, for which llama.cpp has faster kernels on some CPUs.
//!
//! llama.cpp multiplies Q8_0 blocks with AMX instructions, but not Q5_0 blocks. A Q5_0 block is a scale and 32 numbers from -16
//! to 15; a Q8_0 block is a scale and 32 numbers from -128 to 127 (`block_q5_0` and `block_q8_0` in `ggml-common.h`). Each Q5_0
//! block is therefore a Q8_0 block of the same value, one and a half times as large. Files whose rows are not multiples of 256
//! weights, such as those of Qwen2.5-0.5B, store most weights as Q5_0.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use super::header::Header;
use super::map::ModelMap;
use super::types::{TensorInfo, TensorType};

const Q5_0: TensorType = TensorType(6);
const Q8_0: TensorType = TensorType(8);

/// The size of a Q5_0 block in bytes: the scale (2), the fifth bits (4), the lower four bits (16).
const Q5_0_BYTES: usize = 22;

/// The number of bytes that are copied between two calls of `goes_on`: a multiple of a Q5_0 block.
const PIECE: usize = Q5_0_BYTES << 16;

/// Returns whether the file has Q5_0 weights.
#[must_use]
pub fn applies(header: &Header) -> bool {
    header.tensors.iter().any(|tensor| tensor.kind == Q5_0)
}

/// Writes a copy of the file of `header` to `target`, with Q8_0 blocks instead of Q5_0 blocks. The copy appears under its name
/// only when it is complete. `goes_on` is called before each piece, and stops the copy by returning `Break`.
///
/// # Errors
/// An error of reading or writing, of a file that is no longer the one of `header`, or of a copy that `goes_on` stopped.
pub fn write(header: &Header, target: &Path, goes_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<()> {
    let folder = target.parent().ok_or_else(|| io::Error::other("a copy needs a folder"))?;
    // The temporary name is random, because another thread may be writing a copy of the same file.
    let mut partial = tempfile::Builder::new().prefix(".recoding-").tempfile_in(folder)?;
    write_to(header, partial.as_file_mut(), goes_on)?;
    partial.persist(target).map(drop).map_err(|error| error.error)
}

fn write_to(header: &Header, target: &mut File, goes_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<()> {
    let source = ModelMap::open(&header.path)?;
    let mut out = CountingWriter { inner: BufWriter::with_capacity(1 << 20, target), count: 0 };
    source.for_each_piece(0..header.tensors_start, PIECE, |piece| out.write_all(piece))?;

    let mut offset = 0_u64;
    let mut stored_sizes = Vec::new();
    for tensor in &header.tensors {
        let kind = if tensor.kind == Q5_0 { Q8_0 } else { tensor.kind };
        out.describe(tensor, kind, offset)?;
        let size = |kind: TensorType| {
            let (weights, bytes) = kind.block()?;
            (tensor.elements() / weights).checked_mul(bytes)
        };
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, "it has a tensor of a type that is not known here");
        let (stored, recoded) = size(tensor.kind).zip(size(kind)).ok_or_else(unknown)?;
        stored_sizes.push(stored);
        offset += recoded.next_multiple_of(header.alignment);
    }
    out.align(header.alignment)?;
    for (tensor, size) in header.tensors.iter().zip(stored_sizes) {
        let start = header.data_start + tensor.offset;
        source.for_each_piece(start..start + size, PIECE, |piece| {
            if goes_on().is_break() {
                return Err(io::Error::other("the copy was stopped"));
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

/// Returns the Q8_0 block for a Q5_0 block: the same scale, and for each number its lower four bits and its fifth bit, minus 16.
fn recoded(block: &[u8]) -> [u8; 34] {
    let mut out = [0; 34];
    out[..2].copy_from_slice(&block[..2]);
    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    for (index, &pair) in block[6..Q5_0_BYTES].iter().enumerate() {
        for (index, lower) in [(index, pair & 15), (index + 16, pair >> 4)] {
            let number = lower | u8::from(fifth >> index & 1 == 1) << 4;
            out[2 + index] = number.wrapping_sub(16);
        }
    }
    out
}

/// A writer that counts its bytes.
struct CountingWriter<W> {
    inner: W,
    /// The number of bytes written so far.
    count: u64,
}

impl<W: Write> CountingWriter<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    /// Writes the description of `tensor` with another type and offset.
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

    /// Writes zeros up to the next multiple of `to` bytes.
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
        /// Compares the numbers with those of ggml's loop for Q5_0 (`dequantize_row_q5_0` in ggml-quants.c), without the scale.
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
