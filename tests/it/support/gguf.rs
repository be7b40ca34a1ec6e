//! Small GGUF files that are built byte by byte, and vocabularies for them.

use std::collections::BTreeSet;

/// Returns a text in the format: its length, then its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// Returns a metadata entry that is a text.
pub fn entry(key: &str, value: &str) -> Vec<u8> {
    [text(key), 8_u32.to_le_bytes().to_vec(), text(value)].concat()
}

/// Returns the beginning of a file that states `tensors` tensors and has these metadata entries.
pub fn header(tensors: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    let count = (entries.len() as u64).to_le_bytes();
    [b"GGUF", &3_u32.to_le_bytes()[..], &tensors.to_le_bytes(), &count, &entries.concat()].concat()
}

/// Returns a whole file with one tensor of `numbers` 32-bit numbers.
pub fn model(entries: &[Vec<u8>], numbers: usize) -> Vec<u8> {
    let mut bytes = header(1, entries);
    bytes.extend(text("weights"));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((numbers as u64).to_le_bytes());
    bytes.extend([0; 12]);
    bytes.resize(bytes.len().next_multiple_of(32) + 4 * numbers, 7);
    bytes
}

/// Returns a whole file with these tensors of 32-bit numbers. A tensor is its name and its sizes, the innermost first. The numbers
/// are small, and the same each time; those of a tensor whose name has `norm` in it are 1.
pub fn random_model(entries: &[Vec<u8>], tensors: &[(String, Vec<u64>)]) -> Vec<u8> {
    let mut bytes = header(tensors.len() as u64, entries);
    let mut offset = 0_u64;
    let bytes_of = |sizes: &[u64]| 4 * sizes.iter().product::<u64>();
    for (name, sizes) in tensors {
        bytes.extend(text(name));
        bytes.extend((sizes.len() as u32).to_le_bytes());
        bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        offset += bytes_of(sizes).next_multiple_of(32);
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    let mut state = 1_u32;
    for (name, sizes) in tensors {
        for _ in 0..bytes_of(sizes) / 4 {
            // A linear congruential generator.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            let value = match name {
                name if name.contains("norm") => 1.0,
                // A recurrent state that decays.
                name if name.ends_with("ssm_a") => -1.0 - value,
                _ => value,
            };
            bytes.extend(value.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
    }
    bytes
}

/// Returns a metadata entry that is a 32-bit floating-point number.
pub fn float(key: &str, value: f32) -> Vec<u8> {
    [text(key), 6_u32.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
}

/// Returns a metadata entry that is a 32-bit number.
pub fn number(key: &str, value: u32) -> Vec<u8> {
    [text(key), 4_u32.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
}

/// Returns a metadata entry that is a boolean.
pub fn truth(key: &str, value: bool) -> Vec<u8> {
    [text(key), 7_u32.to_le_bytes().to_vec(), vec![u8::from(value)]].concat()
}

/// Returns a metadata entry that is an array of texts.
pub fn texts(key: &str, values: &[String]) -> Vec<u8> {
    array(key, 8, values.len(), values.iter().flat_map(|value| text(value)).collect())
}

/// Returns a metadata entry that is an array of 32-bit integers.
pub fn integers(key: &str, values: &[i32]) -> Vec<u8> {
    array(key, 5, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Returns a metadata entry that is an array of 32-bit floating-point numbers.
pub fn floats(key: &str, values: &[f32]) -> Vec<u8> {
    array(key, 6, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn array(key: &str, element: u32, count: usize, elements: Vec<u8>) -> Vec<u8> {
    let head = [9_u32.to_le_bytes(), element.to_le_bytes()].concat();
    [text(key), head, (count as u64).to_le_bytes().to_vec(), elements].concat()
}

/// The special tokens of the vocabularies below: control, user-defined and unknown ones that overlap each other.
pub const SPECIAL: [(&str, i32); 5] = [("<|end|>", 3), ("<|end", 4), ("d|><", 3), ("<unk>", 2), ("äö ", 4)];

/// Texts that tokenizers of different kinds divide differently.
pub const PIECES: [&str; 56] = [
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "a",
    "s",
    "t",
    "A",
    "S",
    "RE",
    "ve",
    "ll",
    "LL",
    "d",
    "'",
    "'s",
    "’",
    "1",
    "2",
    "12",
    "3",
    "4567",
    ".",
    ",",
    "(",
    "$",
    "^",
    "`",
    "<",
    "|",
    "/",
    "_",
    "é",
    "e\u{301}",
    "\u{301}",
    "ß",
    "Ä",
    "你",
    "好",
    "の",
    "カ",
    "한",
    "д",
    "٣",
    "½",
    "😀",
    "\u{a0}",
    "\u{3000}",
    "\u{85}",
    "\0",
    "<|end|>",
    "<unk>",
    "\u{2ebf0}\u{1c89}\u{378}",
];

/// Returns the metadata of a byte-level BPE vocabulary whose merges ignore the borders of words, so that its tokens show where a
/// pre-tokenizer divides a text: all bytes, most pairs of the bytes of [`PIECES`], and many triples, in a mixed order.
pub fn bpe_vocabulary(pre: &str) -> Vec<Vec<u8>> {
    let mut used: Vec<u8> = PIECES.concat().bytes().collect();
    used.sort_unstable();
    used.dedup();
    let mut state = 1_u32;
    // A linear congruential generator: the vocabulary is the same each time.
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let char_of = |byte: u8| byte_chars()[usize::from(byte)].to_string();
    let mut tokens: Vec<String> = (0..=255).map(char_of).collect();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for &left in &used {
        for &right in &used {
            if random(5) > 0 {
                pairs.push((char_of(left), char_of(right)));
            }
        }
    }
    for _ in 0..6000 {
        let (left, right) = pairs[random(pairs.len())].clone();
        let third = if random(2) == 0 { char_of(used[random(used.len())]) } else { pairs[random(pairs.len() / 2)].clone().0 };
        pairs.push((format!("{left}{right}"), third));
    }
    let mut merges = Vec::new();
    let mut known: BTreeSet<String> = tokens.iter().cloned().collect();
    for (left, right) in pairs {
        let whole = format!("{left}{right}");
        if known.contains(&left) && known.contains(&right) && known.insert(whole.clone()) {
            merges.insert(random(merges.len() + 1), format!("{left} {right}"));
            tokens.push(whole);
        }
    }
    let types = tokens.iter().map(|_| 1).chain(SPECIAL.map(|(_, kind)| kind)).collect::<Vec<i32>>();
    tokens.extend(SPECIAL.map(|(text, _)| text.to_owned()));
    vec![
        entry("tokenizer.ggml.model", "gpt2"),
        entry("tokenizer.ggml.pre", pre),
        texts("tokenizer.ggml.tokens", &tokens),
        integers("tokenizer.ggml.token_type", &types),
        texts("tokenizer.ggml.merges", &merges),
    ]
}

/// Returns the metadata of a SentencePiece vocabulary: byte tokens, the characters of some of [`PIECES`], and tokens of two to four
/// characters with scores of which many are equal.
pub fn spm_vocabulary() -> Vec<Vec<u8>> {
    let mut tokens: Vec<(String, f32, i32)> = vec![("<unk>".into(), 0.0, 2), ("<s>".into(), 0.0, 3), ("</s>".into(), 0.0, 3)];
    tokens.extend((0..=255_u8).map(|byte| (format!("<0x{byte:02X}>"), 0.0, 6)));
    tokens.push(("<|end|>".into(), 0.0, 3));
    tokens.push(("▁▁▁".into(), -7.0, 4));
    let letters: Vec<char> = "▁aästvelA12.'<|>é你".chars().collect();
    let mut state = 7_u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for _ in 0..1500 {
        let length = 1 + random(4);
        let text: String = (0..length).map(|_| letters[random(letters.len())]).collect();
        if !tokens.iter().any(|(other, ..)| *other == text) {
            tokens.push((text, -(random(40) as f32), 1));
        }
    }
    vec![
        entry("tokenizer.ggml.model", "llama"),
        texts("tokenizer.ggml.tokens", &tokens.iter().map(|token| token.0.clone()).collect::<Vec<_>>()),
        floats("tokenizer.ggml.scores", &tokens.iter().map(|token| token.1).collect::<Vec<_>>()),
        integers("tokenizer.ggml.token_type", &tokens.iter().map(|token| token.2).collect::<Vec<_>>()),
    ]
}

/// Returns GPT-2's characters for bytes.
pub fn byte_chars() -> Vec<char> {
    let mut next = 0x100;
    let char_of = |byte: u8| {
        if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            return char::from(byte);
        }
        next += 1;
        char::from_u32(next - 1).unwrap()
    };
    (0..=255).map(char_of).collect()
}
