//! Small GGUF files, byte by byte.

/// A text as the format has it.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A metadata entry that is a text.
pub fn entry(key: &str, value: &str) -> Vec<u8> {
    [text(key), 8_u32.to_le_bytes().to_vec(), text(value)].concat()
}

/// The beginning of a file that claims so many tensors, with these entries.
pub fn header(tensors: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    let count = (entries.len() as u64).to_le_bytes();
    [b"GGUF", &3_u32.to_le_bytes()[..], &tensors.to_le_bytes(), &count, &entries.concat()].concat()
}

/// A whole file with one tensor of so many 32-bit numbers.
pub fn model(entries: &[Vec<u8>], numbers: usize) -> Vec<u8> {
    let mut bytes = header(1, entries);
    bytes.extend(text("weights"));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((numbers as u64).to_le_bytes());
    bytes.extend([0; 12]);
    bytes.resize(bytes.len().next_multiple_of(32) + 4 * numbers, 7);
    bytes
}
