//! The texts on which a tokenizer is compared with llama.cpp's when a model is loaded.

/// A text that two tokenizers divide differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerDifference {
    /// The text.
    pub text: String,
    /// The ids of the tokens from the tokenizer that was compared.
    pub tokens: Vec<u32>,
    /// The ids of the tokens from the other one.
    pub other_tokens: Vec<u32>,
}

impl std::fmt::Display for TokenizerDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (own, other) = (self.tokens.len(), self.other_tokens.len());
        write!(f, "the text {:?} has {own} tokens by gepard's tokenizer and {other} by llama.cpp's", self.text)
    }
}

/// Texts of many kinds: prose, code, other scripts, digits, blanks, symbols, marks, and characters that few vocabularies have.
const PROBES: [&str; 22] = [
    "",
    " ",
    "The quick brown fox doesn't jump; IT'S the dog that'll've jumped (twice), they said: \"WE'RE here!\"",
    "fn main() {\n    let x: Vec<u8> = (0..16).map(|i| i << 2).collect();\n\tprintln!(\"{x:?}\");\r\n}\n\n\n",
    "{\"key\": [1, 2.5, -3e-7, null], \"path\": \"C:\\\\dir\\\\file_name.txt\"}",
    "1 12 123 1234 12345 123456789 1,234.56 0x1F 3.14159 ½ ² Ⅷ ٣٤٥ १२३",
    "a  b   c    d     \te \n f\n\n  g \t\n\r\n h   ",
    "      leading, trailing      ",
    "\n\n\n",
    "ÄÖÜäöüß Éàçñ Łódź naïve café İstanbul ŒUVRE ﬁ",
    "Cafe\u{301} e\u{301}\u{300}\u{327} \u{301} n\u{303}o",
    "Привет, мир! Как дела? Ελληνικά κείμενα. שלום עולם مرحبا بالعالم",
    "你好，世界！今日は良い天気ですね。カタカナとひらがな 안녕하세요 세계",
    "नमस्ते दुनिया ไทยภาษา বাংলা தமிழ் ქართული አማርኛ",
    "😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪🇫🇷 ❤️ ☃ ♠♥ → ∑∫√ ≤≥ €£¥",
    "snake_case camelCase PascalCase SCREAMING_CASE kebab-case HTTPServer2Go v1.2.3-rc4",
    "https://example.org/a/b?c=d&e=%20#f user@example.org +49 (0)30 123456",
    "# Title\n\n* item **bold** _it_\n1. one\n   - two\n\n| a | b |\n|---|---|\n\n```py\nx = 1\n```\n---",
    "<div class=\"x\">&amp; <!-- y --></div> <|not_special|> </s <s> [INST] <<SYS>>",
    "''s 'S 'Re 'LL 'x ' ’s “q” …—–",
    "\u{0}\u{1}\u{7f}\u{85}\u{a0}\u{200b}\u{200d}\u{2028}\u{3000}\u{feff}\u{fffd}\u{e000}\u{10ffff}",
    "\u{2ebf0}\u{1c89}\u{10d40}\u{897}\u{1b4e}\u{2427} \u{378}\u{1f9e6}x\u{20000}",
];

/// Returns the built-in texts, and texts with the spellings of the special tokens in them.
pub(super) fn probe_texts(special: &mut dyn Iterator<Item = &str>) -> Vec<String> {
    let mut texts: Vec<String> = PROBES.iter().map(|&text| text.to_owned()).collect();
    let special: Vec<&str> = special.take(64).collect();
    texts.extend(special.iter().map(|token| format!("before {token}after {token}{token} ")));
    texts.push(special.concat());
    texts
}
