//! The pre-tokenizers of BPE vocabularies: dividing a text into words, within which tokens are merged.
//!
//! The patterns are those of `llm_tokenizer_bpe` in llama.cpp's `llama-vocab.cpp`, with three changes. `\p{X}` is limited to the
//! characters of Unicode 15.1, the version of llama.cpp's tables. The lookahead in `\s+(?!\S)|\s+`, which the regex crate does not
//! have, is done in code: a run of blanks that other text follows ends before its last blank. `((?=[\p{L}])([^a-z]))` is written
//! as an intersection of classes.

use regex::Regex;

/// The words of GPT-2.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// The endings of English contractions, in either case.
const CONTRACTIONS: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
/// The words of Qwen2 and Llama 3, but for contractions and numbers.
const WORD: &str = r"[^\r\n\p{L}\p{N}]?\p{L}+";
const SYMBOLS_AND_BLANKS: &str = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// The words of GPT-4o: upper-case letters before lower-case ones; letters beyond ASCII count as both.
const UPPER: &str = r"[\p{L}&&[^a-z]]";
const LOWER: &str = r"[\p{L}&&[^A-Z]]";
/// The characters of DeepSeek-V3's second pattern.
const CHINESE_AND_JAPANESE: &str = "[一-龥぀-ゟ゠-ヿ]+";

/// The characters of a pattern of DeepSeek-Coder. llama.cpp replaces blanks beyond ASCII before it applies such a pattern.
const CHINESE_TO_KOREAN: &str = r"[[一-龥ࠀ-一가-퟿]--\s]+";

/// The rules of a pre-tokenizer.
#[derive(Debug)]
pub(super) struct Splitter {
    /// The patterns in the order of application: each divides the segments that the ones before it left, into its matches and
    /// what is between them.
    patterns: Vec<Pattern>,
    /// Whether a word that is a token as a whole is not merged from its characters.
    pub(super) ignores_merges: bool,
}

/// One pattern of a pre-tokenizer.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Whether blanks that end in line breaks are a word of their own (`\s*[\r\n]+`), from which no blank is left over.
    keeps_line_breaks: bool,
}

/// A family of pre-tokenizers that have the same rules.
struct Family {
    /// The values of `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    /// Whether a word that is a token as a whole is not merged from its characters.
    ignores_merges: bool,
    /// The patterns in the order of application.
    patterns: Vec<String>,
}

fn families() -> Vec<Family> {
    let family = |names, ignores_merges, patterns: &[&str]| Family {
        names,
        ignores_merges,
        patterns: patterns.iter().map(|&pattern| pattern.to_owned()).collect(),
    };
    let llama3 = format!(r"{CONTRACTIONS}|{WORD}|\p{{N}}{{1,3}}|{SYMBOLS_AND_BLANKS}");
    let qwen2 = format!(r"{CONTRACTIONS}|{WORD}|\p{{N}}|{SYMBOLS_AND_BLANKS}");
    let qwen35 = format!(
        r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+"
    );
    let cased = |end: &str, numbers: &str| {
        format!(
            r"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{end}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{end}|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+"
        )
    };
    let (tekken, gpt4o) = (cased("", r"\p{N}"), cased(&format!("{CONTRACTIONS}?"), r"\p{N}{1,3}"));
    let minicpm5 = format!(r"{CONTRACTIONS}|{WORD}|\p{{N}}+|{SYMBOLS_AND_BLANKS}");
    let seed_coder = format!(r"{CONTRACTIONS}|{WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+");
    let bailing = format!(r"{CONTRACTIONS}|{WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]|\s+");
    let deepseek3 = concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
        r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"
    );
    vec![
        family(&["default", ""], false, &[r"[\p{P}$+<=>^~|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        family(
            &["gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling"],
            false,
            &[GPT2],
        ),
        family(
            &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
            false,
            &[r"\p{N}", GPT2],
        ),
        family(&["falcon"], false, &[r"[\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"]),
        family(
            &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4", "glm5"],
            true,
            &[&llama3],
        ),
        family(&["dbrx", "smaug-bpe", "chatglm-bpe"], false, &[&llama3]),
        family(
            &["qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"],
            false,
            &[&qwen2],
        ),
        family(&["qwen35"], false, &[&qwen35]),
        family(&["tekken"], true, &[&tekken]),
        family(&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], false, &[&gpt4o]),
        family(&["minicpm5"], true, &[r"\p{N}{1,3}", &minicpm5]),
        family(&["seed-coder"], false, &[&seed_coder]),
        family(&["bailingmoe", "bailingmoe2", "llada-moe"], false, &[&bailing]),
        family(&["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], false, &[r"\p{N}{1,3}", CHINESE_AND_JAPANESE, deepseek3]),
        family(&["deepseek-coder"], false, &["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CHINESE_TO_KOREAN, r"\p{N}"]),
    ]
}

/// Returns the values of `tokenizer.ggml.pre` that are supported, each family of equal rules together. An empty value stands for
/// a file without this entry.
#[must_use]
pub fn pre_tokenizers() -> Vec<&'static [&'static str]> {
    families().into_iter().map(|family| family.names).collect()
}

impl Splitter {
    /// Returns the rules for a value of `tokenizer.ggml.pre`; `None` for one that is not supported.
    pub(super) fn for_pre_tokenizer(name: &str) -> Option<Result<Self, regex::Error>> {
        let family = families().into_iter().find(|family| family.names.contains(&name))?;
        let compile = |pattern: &String| {
            let keeps_line_breaks = pattern.contains(r"\s*[\r\n]");
            Ok(Pattern { regex: Regex::new(&in_unicode_15_1(pattern))?, keeps_line_breaks })
        };
        let patterns = family.patterns.iter().map(compile).collect::<Result<_, _>>();
        Some(patterns.map(|patterns| Self { patterns, ignores_merges: family.ignores_merges }))
    }

    /// Calls `consume` with each word of a text, in order.
    pub(super) fn for_each_word(&self, text: &str, consume: &mut dyn FnMut(&str)) {
        split(&self.patterns, text, consume)
    }
}

/// Applies the first pattern to a segment, and the others to the parts that it leaves.
fn split(patterns: &[Pattern], segment: &str, consume: &mut dyn FnMut(&str)) {
    let Some((pattern, others)) = patterns.split_first() else {
        consume(segment);
        return;
    };
    let mut done = 0;
    while let Some(found) = pattern.regex.find_at(segment, done) {
        let end = found.end() - pattern.excess_blank(segment, found.start(), found.end());
        if found.start() > done {
            split(others, &segment[done..found.start()], consume);
        }
        split(others, &segment[found.start()..end], consume);
        done = end;
    }
    if done < segment.len() {
        split(others, &segment[done..], consume);
    }
}

impl Pattern {
    /// Returns the bytes at the end of a match that `\s+(?!\S)` would leave to the next match: the last one of several blanks,
    /// where other text follows.
    fn excess_blank(&self, segment: &str, start: usize, end: usize) -> usize {
        let matched = &segment[start..end];
        let Some(last) = matched.chars().next_back() else { return 0 };
        let is_candidate = last.is_whitespace() && end < segment.len() && matched.len() > last.len_utf8();
        let is_kept = self.keeps_line_breaks && matches!(last, '\r' | '\n');
        if is_candidate && !is_kept && matched.chars().all(char::is_whitespace) { last.len_utf8() } else { 0 }
    }
}

/// Limits the classes `\p{X}` of a pattern to the characters of Unicode 15.1.
fn in_unicode_15_1(pattern: &str) -> String {
    let mut limited = pattern.to_owned();
    for class in ["L", "N", "M", "P", "S"] {
        limited = limited.replace(&format!(r"\p{{{class}}}"), &format!(r"[\p{{{class}}}&&\p{{age:15.1}}]"));
    }
    limited
}
