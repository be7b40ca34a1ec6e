//! The parser of a GGUF header. Every length that the file states is compared with the bytes that remain in it before anything
//! is skipped or allocated, so that the size of the file bounds the memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::{GgufError, not_gguf};
use super::header::Header;
use super::types::{TensorInfo, TensorType, Value, ValueType};

/// The longest key that the format allows, in bytes.
const LONGEST_KEY: u64 = 65_535;
/// The longest text in the metadata, in bytes; chat templates have a few kilobytes.
const LONGEST_TEXT: u64 = 64 << 20;
/// The alignment of the weights in bytes, where the file does not state one.
const DEFAULT_ALIGNMENT: u64 = 32;
/// The largest number of dimensions of a tensor.
const MOST_DIMENSIONS: u32 = 4;
/// The smallest size of a metadata entry in bytes: a length, one letter, a type, one byte.
const SMALLEST_ENTRY: u64 = 8 + 1 + 4 + 1;
/// The smallest size of a tensor's description in bytes: a length, dimensions, type, offset.
const SMALLEST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// Parses the header of the file at `path`, which has `length` bytes and begins with `bytes`.
///
/// # Errors
/// [`GgufError::LongHeader`] where the header continues behind `bytes` although the file does not end there; the other errors
/// describe what is wrong with the file.
pub(super) fn parse(path: &Path, bytes: &[u8], length: u64) -> Result<Header, GgufError> {
    let mut reader = Reader { path, bytes, length, at: 0 };
    let version = reader.preamble()?;
    let tensor_count = reader.count("tensors", SMALLEST_TENSOR)?;
    let metadata_count = reader.count("metadata entries", SMALLEST_ENTRY)?;

    let mut metadata = BTreeMap::new();
    for _ in 0..metadata_count {
        let at = reader.at;
        let key = reader.key()?;
        let value = reader.value()?;
        if metadata.contains_key(&key) {
            return Err(reader.malformed(at, format!("the key `{key}` is there twice")));
        }
        metadata.insert(key, value);
    }
    let alignment = reader.alignment(&metadata)?;

    let tensors_start = reader.at;
    let mut tensors = Vec::new();
    let mut names = BTreeSet::new();
    let mut weights_end = 0;
    for _ in 0..tensor_count {
        let at = reader.at;
        let tensor = reader.tensor()?;
        if !names.insert(tensor.name.clone()) {
            let what = format!("the tensor `{}` is there twice", tensor.name);
            return Err(reader.malformed(at, what));
        }
        let end = tensor_end(&tensor, alignment).map_err(|what| reader.malformed(at, what))?;
        weights_end = weights_end.max(end);
        tensors.push(tensor);
    }

    let header_end = reader.at;
    let data_start = header_end.checked_next_multiple_of(alignment);
    let data_start = data_start.ok_or_else(|| reader.malformed(header_end, "the alignment is too large".to_owned()))?;
    let end = data_start
        .checked_add(weights_end)
        .ok_or_else(|| reader.malformed(header_end, "the weights are larger than any file".to_owned()))?;
    // A file without weights (a vocabulary) need not be padded at its end.
    if !tensors.is_empty() && end > reader.length {
        return Err(reader.truncated(end));
    }
    Ok(Header {
        path: path.to_owned(),
        file_bytes: reader.length,
        version,
        tensor_count,
        metadata,
        tensors,
        tensors_start,
        alignment,
        data_start,
    })
}

/// Returns the texts of an array with `count` elements, whose first begins at byte `start` of `bytes`, the beginning of the file
/// at `path`.
///
/// # Errors
/// [`GgufError`] where an element is longer than the bytes.
pub(super) fn texts_at<'a>(path: &'a Path, bytes: &'a [u8], start: u64, count: u64) -> Result<Vec<&'a [u8]>, GgufError> {
    let mut reader = Reader { path, bytes, length: bytes.len() as u64, at: start };
    (0..count).map(|_| reader.text(LONGEST_TEXT)).collect()
}

/// Returns the end of a tensor in bytes from the start of the weights, or a description of what is wrong with the tensor.
fn tensor_end(tensor: &TensorInfo, alignment: u64) -> Result<u64, String> {
    let name = &tensor.name;
    if !tensor.offset.is_multiple_of(alignment) {
        return Err(format!("the tensor `{name}` is not aligned to {alignment} bytes"));
    }
    let too_large = || format!("the tensor `{name}` is larger than any file");
    let weights = tensor.checked_elements().ok_or_else(too_large)?;
    // llama.cpp may know a type that this table does not contain: only the start of such a tensor is checked.
    let Some((block_weights, block_bytes)) = tensor.kind.block() else {
        return Ok(tensor.offset);
    };
    let row = tensor.dimensions.first().copied().unwrap_or(1);
    if !row.is_multiple_of(block_weights) {
        return Err(format!("rows of the tensor `{name}` have {row} weights, not a multiple of {block_weights}"));
    }
    (weights / block_weights).checked_mul(block_bytes).and_then(|bytes| tensor.offset.checked_add(bytes)).ok_or_else(too_large)
}

/// A cursor over the beginning of a file.
struct Reader<'a> {
    /// The path of the file, for errors.
    path: &'a Path,
    /// The first bytes of the file.
    bytes: &'a [u8],
    /// The length of the whole file in bytes.
    length: u64,
    /// The position of the next byte.
    at: u64,
}

impl<'a> Reader<'a> {
    /// Returns the number of bytes between the cursor and the end of the file.
    fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    fn malformed(&self, at: u64, what: String) -> GgufError {
        GgufError::Malformed { path: self.path.to_owned(), at, what }
    }

    fn truncated(&self, expected_at_least: u64) -> GgufError {
        GgufError::Truncated { path: self.path.to_owned(), expected_at_least, actual: self.length }
    }

    /// Consumes and returns the next `count` bytes.
    fn take(&mut self, count: u64) -> Result<&'a [u8], GgufError> {
        let end = self.at.saturating_add(count);
        if end > self.length {
            return Err(self.truncated(end));
        }
        let range = usize::try_from(self.at).ok().zip(usize::try_from(end).ok());
        let taken = range.and_then(|(start, end)| self.bytes.get(start..end));
        let taken = taken.ok_or_else(|| GgufError::LongHeader { path: self.path.to_owned(), most: self.bytes.len() as u64 })?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Consumes the magic bytes and returns the version.
    fn preamble(&mut self) -> Result<u32, GgufError> {
        let path = || self.path.to_owned();
        if self.bytes.starts_with(b"FUGG") {
            return Err(GgufError::BigEndian { path: path() });
        }
        if !self.bytes.starts_with(b"GGUF") {
            return Err(not_gguf(self.path, self.bytes));
        }
        self.at = 4;
        let version = self.u32()?;
        match version {
            2 | 3 => Ok(version),
            // A big-endian file begins with the same four letters; its version has the bytes in the other order.
            _ if matches!(version.swap_bytes(), 1..=255) => Err(GgufError::BigEndian { path: path() }),
            _ => Err(GgufError::Version { path: path(), version }),
        }
    }

    /// Consumes the number of `things`, each of which takes at least `smallest` bytes.
    fn count(&mut self, things: &str, smallest: u64) -> Result<u64, GgufError> {
        let at = self.at;
        let count = self.u64()?;
        if count > self.left() / smallest {
            let what = format!("it claims {count} {things}, more than fit in the {} bytes that follow", self.left());
            return Err(self.malformed(at, what));
        }
        Ok(count)
    }

    /// Consumes a length and that many bytes of text, at most `longest`.
    fn text(&mut self, longest: u64) -> Result<&'a [u8], GgufError> {
        let at = self.at;
        let length = self.u64()?;
        if length > longest {
            return Err(self.malformed(at, format!("it claims a text of {length} bytes")));
        }
        self.take(length)
    }

    /// Consumes a text that is not empty and is valid UTF-8; `thing` names it in errors.
    fn name(&mut self, thing: &str) -> Result<String, GgufError> {
        let at = self.at;
        let bytes = self.text(LONGEST_KEY)?;
        match std::str::from_utf8(bytes) {
            Ok("") => Err(self.malformed(at, format!("a {thing} is empty"))),
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(self.malformed(at, format!("a {thing} is not UTF-8"))),
        }
    }

    fn key(&mut self) -> Result<String, GgufError> {
        self.name("metadata key")
    }

    fn value_type(&mut self) -> Result<ValueType, GgufError> {
        let at = self.at;
        let code = self.u32()?;
        ValueType::from_code(code).ok_or_else(|| self.malformed(at, format!("there is no value type {code}")))
    }

    fn value(&mut self) -> Result<Value, GgufError> {
        let kind = self.value_type()?;
        Ok(match kind {
            ValueType::U8 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            ValueType::I8 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            ValueType::U16 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            ValueType::I16 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            ValueType::U32 => Value::Unsigned(self.u32()?.into()),
            ValueType::I32 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            ValueType::U64 => Value::Unsigned(self.u64()?),
            ValueType::I64 => Value::Signed(i64::from_le_bytes(self.array()?)),
            ValueType::F32 => Value::Float(f32::from_le_bytes(self.array()?)),
            ValueType::F64 => Value::Double(f64::from_le_bytes(self.array()?)),
            ValueType::Bool => self.boolean()?,
            ValueType::String => Value::String(String::from_utf8_lossy(self.text(LONGEST_TEXT)?).into_owned()),
            ValueType::Array => self.skip_array()?,
        })
    }

    fn boolean(&mut self) -> Result<Value, GgufError> {
        let at = self.at;
        match u8::from_le_bytes(self.array()?) {
            0 => Ok(Value::Bool(false)),
            1 => Ok(Value::Bool(true)),
            other => Err(self.malformed(at, format!("{other} is neither true nor false"))),
        }
    }

    /// Consumes an array without keeping its elements; [`super::Arrays`] reads them when they are needed.
    fn skip_array(&mut self) -> Result<Value, GgufError> {
        let at = self.at;
        let element = self.value_type()?;
        match (element, element.fixed_size()) {
            (_, Some(size)) => {
                let count = self.count("array elements", size)?;
                let start = self.at;
                self.take(count.saturating_mul(size))?;
                Ok(Value::Array { element, count, start })
            }
            (ValueType::String, None) => {
                let count = self.count("texts", 8)?;
                let start = self.at;
                for _ in 0..count {
                    self.text(LONGEST_TEXT)?;
                }
                Ok(Value::Array { element, count, start })
            }
            (_, None) => Err(self.malformed(at, "it has an array of arrays".to_owned())),
        }
    }

    fn alignment(&self, metadata: &BTreeMap<String, Value>) -> Result<u64, GgufError> {
        match metadata.get("general.alignment") {
            None => Ok(DEFAULT_ALIGNMENT),
            Some(Value::Unsigned(bytes)) if bytes.is_power_of_two() => Ok(*bytes),
            Some(_) => {
                let what = "`general.alignment` is not a power of two".to_owned();
                Err(self.malformed(self.at, what))
            }
        }
    }

    fn tensor(&mut self) -> Result<TensorInfo, GgufError> {
        let name = self.name("tensor name")?;
        let at = self.at;
        let rank = self.u32()?;
        if rank > MOST_DIMENSIONS {
            let what = format!("the tensor `{name}` has {rank} dimensions");
            return Err(self.malformed(at, what));
        }
        let dimensions = (0..rank).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(TensorInfo { name, dimensions, kind: TensorType(self.u32()?), offset: self.u64()? })
    }
}
