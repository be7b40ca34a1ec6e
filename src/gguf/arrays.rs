//! The elements of metadata arrays, such as a vocabulary's tokens, read from the file when they are needed.

use super::error::GgufError;
use super::header::Header;
use super::map::ModelMap;
use super::parse::texts_at;
use super::types::{Value, ValueType};

/// Access to the elements of the metadata arrays of a model file. A [`Header`] keeps only their type, length and position.
#[derive(Debug)]
pub struct Arrays<'h> {
    header: &'h Header,
    map: ModelMap,
}

impl<'h> Arrays<'h> {
    /// Maps the file of `header` again.
    ///
    /// # Errors
    /// [`GgufError::Read`] where the file cannot be opened, and [`GgufError::Changed`] where its size is no longer that of the
    /// header.
    pub fn open(header: &'h Header) -> Result<Self, GgufError> {
        let map = ModelMap::open(&header.path).map_err(|source| GgufError::Read { path: header.path.clone(), source })?;
        if map.len() != header.file_bytes {
            return Err(GgufError::Changed { path: header.path.clone() });
        }
        Ok(Self { header, map })
    }

    /// Returns the bytes of each text of the array under `key`; `None` where there is no array of texts under it.
    ///
    /// # Errors
    /// [`GgufError`] where the file was changed after its header was read.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&[u8]>>, GgufError> {
        match self.header.metadata.get(key) {
            Some(&Value::Array { element: ValueType::String, count, start }) => {
                texts_at(&self.header.path, self.before_tensors()?, start, count).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Returns the 32-bit integers of the array under `key`; `None` where there is no array of them under it.
    ///
    /// # Errors
    /// [`GgufError`] where the file was changed after its header was read.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i32>>, GgufError> {
        self.numbers(key, ValueType::I32, i32::from_le_bytes)
    }

    /// Returns the 32-bit floating-point numbers of the array under `key`; `None` where there is no array of them under it.
    ///
    /// # Errors
    /// [`GgufError`] where the file was changed after its header was read.
    pub fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, GgufError> {
        self.numbers(key, ValueType::F32, f32::from_le_bytes)
    }

    fn numbers<T>(&self, key: &str, wanted: ValueType, decode: fn([u8; 4]) -> T) -> Result<Option<Vec<T>>, GgufError> {
        let Some(&Value::Array { element, count, start }) = self.header.metadata.get(key) else { return Ok(None) };
        if element != wanted {
            return Ok(None);
        }
        let bytes = self.before_tensors()?;
        let range = usize::try_from(start).ok().zip(usize::try_from(start.saturating_add(count.saturating_mul(4))).ok());
        let elements = range.and_then(|(start, end)| bytes.get(start..end));
        let elements = elements.ok_or_else(|| GgufError::Changed { path: self.header.path.clone() })?;
        Ok(Some(elements.as_chunks().0.iter().map(|&number| decode(number)).collect()))
    }

    /// Returns the bytes of the file up to the descriptions of the tensors.
    fn before_tensors(&self) -> Result<&[u8], GgufError> {
        let read_error = |source| GgufError::Read { path: self.header.path.clone(), source };
        self.map.bytes(0..self.header.tensors_start).map_err(read_error)
    }
}
