//! From the first bytes of a file to its header. Every length that they claim is compared with the bytes that
//! are left in the file before anything is skipped or kept, so that memory is bounded by what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Header;
use super::error::{self, GgufError};
use super::types::{TensorInfo, TensorType, Value, ValueType};

/// The longest key the format allows.
const LONGEST_KEY: u64 = 65_535;
/// The longest text kept from the metadata; chat templates are a few kilobytes.
const LONGEST_TEXT: u64 = 64 << 20;
/// What weights are aligned to where the file does not say.
const DEFAULT_ALIGNMENT: u64 = 32;
/// The most dimensions a tensor has.
const MOST_DIMENSIONS: u32 = 4;
/// The fewest bytes a metadata entry takes: a length, one letter, a type, one byte.
const SMALLEST_ENTRY: u64 = 8 + 1 + 4 + 1;
/// The fewest bytes a tensor's description takes: a length, dimensions, type, offset.
const SMALLEST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// Why there is no header.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The header goes on behind the bytes that were given.
    NeedsMore,
    /// The file is no model.
    Error(GgufError),
}

impl From<GgufError> for Stopped {
    fn from(error: GgufError) -> Self {
        Self::Error(error)
    }
}

/// Reads the header of `path`, a file of `length` bytes, from its first ones.
pub(super) fn parse(path: &Path, bytes: &[u8], length: u64) -> Result<Header, Stopped> {
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
            return Err(reader.malformed(at, format!("the key `{key}` is there twice")).into());
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
            return Err(reader.malformed(at, what).into());
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
    if !tensors.is_empty() && end > reader.len() {
        return Err(reader.truncated(end).into());
    }
    Ok(Header {
        path: path.to_owned(),
        file_bytes: reader.len(),
        version,
        tensor_count,
        metadata,
        tensors,
        tensors_start,
        alignment,
        data_start,
    })
}

/// Where a tensor ends, counted from the start of the weights, or what is wrong with it.
fn tensor_end(tensor: &TensorInfo, alignment: u64) -> Result<u64, String> {
    let name = &tensor.name;
    if !tensor.offset.is_multiple_of(alignment) {
        return Err(format!("the tensor `{name}` is not aligned to {alignment} bytes"));
    }
    let too_large = || format!("the tensor `{name}` is larger than any file");
    let weights = tensor.checked_elements().ok_or_else(too_large)?;
    // A type that is not known here may still be known to the engine: only its start is checked.
    let Some((block_weights, block_bytes)) = tensor.kind.block() else {
        return Ok(tensor.offset);
    };
    let row = tensor.dimensions.first().copied().unwrap_or(1);
    if !row.is_multiple_of(block_weights) {
        return Err(format!("rows of the tensor `{name}` have {row} weights, not a multiple of {block_weights}"));
    }
    (weights / block_weights).checked_mul(block_bytes).and_then(|bytes| tensor.offset.checked_add(bytes)).ok_or_else(too_large)
}

/// A place in the bytes.
struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    /// Of the whole file.
    length: u64,
    at: u64,
}

impl<'a> Reader<'a> {
    fn len(&self) -> u64 {
        self.length
    }

    fn left(&self) -> u64 {
        self.len().saturating_sub(self.at)
    }

    fn malformed(&self, at: u64, what: String) -> GgufError {
        GgufError::Malformed { path: self.path.to_owned(), at, what }
    }

    fn truncated(&self, expected_at_least: u64) -> GgufError {
        GgufError::Truncated { path: self.path.to_owned(), expected_at_least, actual: self.len() }
    }

    /// The next `count` bytes.
    fn take(&mut self, count: u64) -> Result<&'a [u8], Stopped> {
        let end = self.at.saturating_add(count);
        if end > self.len() {
            return Err(self.truncated(end).into());
        }
        let range = usize::try_from(self.at).ok().zip(usize::try_from(end).ok());
        let taken = range.and_then(|(start, end)| self.bytes.get(start..end)).ok_or(Stopped::NeedsMore)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stopped> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, Stopped> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Stopped> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The magic and the version.
    fn preamble(&mut self) -> Result<u32, Stopped> {
        let path = || self.path.to_owned();
        if self.bytes.starts_with(b"FUGG") {
            return Err(GgufError::BigEndian { path: path() }.into());
        }
        if !self.bytes.starts_with(b"GGUF") {
            return Err(error::not_gguf(self.path, self.bytes).into());
        }
        self.at = 4;
        let version = self.u32()?;
        match version {
            2 | 3 => Ok(version),
            // Big-endian files begin with the same four letters; their version tells.
            _ if matches!(version.swap_bytes(), 1..=255) => Err(GgufError::BigEndian { path: path() }.into()),
            _ => Err(GgufError::Version { path: path(), version }.into()),
        }
    }

    /// A number of things, each of at least `smallest` bytes.
    fn count(&mut self, things: &str, smallest: u64) -> Result<u64, Stopped> {
        let at = self.at;
        let count = self.u64()?;
        if count > self.left() / smallest {
            let what = format!("it claims {count} {things}, more than fit in the {} bytes that follow", self.left());
            return Err(self.malformed(at, what).into());
        }
        Ok(count)
    }

    /// The bytes of a text of at most `longest` bytes.
    fn text(&mut self, longest: u64) -> Result<&'a [u8], Stopped> {
        let at = self.at;
        let length = self.u64()?;
        if length > longest {
            return Err(self.malformed(at, format!("it claims a text of {length} bytes")).into());
        }
        self.take(length)
    }

    fn name(&mut self, of: &str) -> Result<String, Stopped> {
        let at = self.at;
        let bytes = self.text(LONGEST_KEY)?;
        match std::str::from_utf8(bytes) {
            Ok("") => Err(self.malformed(at, format!("a {of} is empty")).into()),
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(self.malformed(at, format!("a {of} is not UTF-8")).into()),
        }
    }

    fn key(&mut self) -> Result<String, Stopped> {
        self.name("metadata key")
    }

    fn value_type(&mut self) -> Result<ValueType, Stopped> {
        let at = self.at;
        let code = self.u32()?;
        ValueType::from_code(code).ok_or_else(|| self.malformed(at, format!("there is no value type {code}")).into())
    }

    fn value(&mut self) -> Result<Value, Stopped> {
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
            ValueType::F32 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            ValueType::F64 => Value::Float(f64::from_le_bytes(self.array()?)),
            ValueType::Bool => self.truth()?,
            ValueType::String => Value::String(String::from_utf8_lossy(self.text(LONGEST_TEXT)?).into_owned()),
            ValueType::Array => self.skip_array()?,
        })
    }

    fn truth(&mut self) -> Result<Value, Stopped> {
        let at = self.at;
        match u8::from_le_bytes(self.array()?) {
            0 => Ok(Value::Bool(false)),
            1 => Ok(Value::Bool(true)),
            other => Err(self.malformed(at, format!("{other} is neither true nor false")).into()),
        }
    }

    /// Passes over an array; vocabularies are long and not needed here.
    fn skip_array(&mut self) -> Result<Value, Stopped> {
        let at = self.at;
        let element = self.value_type()?;
        match (element, element.fixed_size()) {
            (_, Some(size)) => {
                let count = self.count("array elements", size)?;
                self.take(count.saturating_mul(size))?;
                Ok(Value::Array { element, count })
            }
            (ValueType::String, None) => {
                let count = self.count("texts", 8)?;
                for _ in 0..count {
                    self.text(LONGEST_TEXT)?;
                }
                Ok(Value::Array { element, count })
            }
            (_, None) => Err(self.malformed(at, "it has an array of arrays".to_owned()).into()),
        }
    }

    fn alignment(&self, metadata: &BTreeMap<String, Value>) -> Result<u64, Stopped> {
        match metadata.get("general.alignment") {
            None => Ok(DEFAULT_ALIGNMENT),
            Some(Value::Unsigned(bytes)) if bytes.is_power_of_two() => Ok(*bytes),
            Some(_) => {
                let what = "`general.alignment` is not a power of two".to_owned();
                Err(self.malformed(self.at, what).into())
            }
        }
    }

    fn tensor(&mut self) -> Result<TensorInfo, Stopped> {
        let name = self.name("tensor name")?;
        let at = self.at;
        let rank = self.u32()?;
        if rank > MOST_DIMENSIONS {
            let what = format!("the tensor `{name}` has {rank} dimensions");
            return Err(self.malformed(at, what).into());
        }
        let dimensions = (0..rank).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok(TensorInfo { name, dimensions, kind: TensorType(self.u32()?), offset: self.u64()? })
    }
}
