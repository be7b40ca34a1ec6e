//! Which part of a model's answer is the code.

use std::sync::LazyLock;

use regex::Regex;

/// A fenced block of an answer.
struct Block<'a> {
    /// The first word after the fence, in lower case.
    language: String,
    lines: Vec<&'a str>,
}

/// What a fence is made of: its character, its length, its indentation, and what stands after it.
fn fence(line: &str) -> Option<(char, usize, usize, &str)> {
    let text = line.trim_start();
    let mark = text.chars().next().filter(|&c| c == '`' || c == '~')?;
    let length = text.chars().take_while(|&c| c == mark).count();
    let after = text[length..].trim();
    // "```x```" is code within a line.
    (length >= 3 && !(mark == '`' && after.contains('`'))).then_some((mark, length, line.len() - text.len(), after))
}

/// The fenced blocks, as CommonMark has them: what stands between two blocks is in none. One that is not closed goes to the end,
/// or to the next fence that opens a language at the left margin: models forget to close.
fn blocks(answer: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open: Option<(char, usize, usize)> = None;
    for line in answer.lines() {
        match (fence(line), open) {
            (Some((mark, length, _, "")), Some((opened, least, _))) if mark == opened && length >= least => open = None,
            (Some((mark, length, indentation, info)), None) => open = Some(begin(&mut blocks, mark, length, indentation, info)),
            (Some((mark, length, 0, info)), Some((opened, least, 0))) if mark == opened && length == least => {
                open = Some(begin(&mut blocks, mark, length, 0, info));
            }
            (_, Some((_, _, indentation))) => {
                let spaces = line.len() - line.trim_start().len();
                if let Some(block) = blocks.last_mut() {
                    block.lines.push(line.get(spaces.min(indentation)..).unwrap_or(line));
                }
            }
            (None, None) => {}
        }
    }
    blocks.retain(|block| block.lines.iter().any(|line| !line.trim().is_empty()));
    blocks
}

fn begin(blocks: &mut Vec<Block<'_>>, mark: char, length: usize, indentation: usize, info: &str) -> (char, usize, usize) {
    let word = info.trim_matches(['{', '}', '.']).split([' ', ',', '{', ':']).next().unwrap_or_default();
    blocks.push(Block { language: word.to_lowercase(), lines: Vec::new() });
    (mark, length, indentation)
}

/// The names that a text mentions.
fn names(text: &str) -> Vec<&str> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z_][A-Za-z0-9_]*").ok());
    NAME.as_ref().map(|name| name.find_iter(text).map(|found| found.as_str()).collect()).unwrap_or_default()
}

/// The names that a text defines, in any of the languages that models write: what follows a word like `def`, or stands before `=`.
fn defined(text: &str) -> Vec<&str> {
    static DEFINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)\b(?:def|class|fn|func|function|fun|sub|proc|struct|let|const|var|val)\s+([A-Za-z_]\w*)|^([A-Za-z_]\w*)\s*=[^=]")
            .ok()
    });
    let found = DEFINED.as_ref().map(|defined| defined.captures_iter(text));
    found.into_iter().flatten().filter_map(|found| found.get(1).or(found.get(2))).map(|name| name.as_str()).collect()
}

/// The code in an answer: the block that defines most of what the tests mention; of equals one in the right language, and of these
/// the last, for models correct themselves. An answer without a block is code as a whole.
pub(super) fn code(answer: &str, languages: &[String], tests: &str) -> String {
    let blocks = blocks(answer);
    let mentioned = names(tests);
    let rank = |block: &Block<'_>| {
        let text = block.lines.join("\n");
        let mut hits: Vec<&str> = defined(&text).into_iter().filter(|name| mentioned.contains(name)).collect();
        hits.sort_unstable();
        hits.dedup();
        let language = match block.language.as_str() {
            "" => 1,
            language if languages.iter().any(|known| known == language) => 2,
            _ => 0,
        };
        // Without a name to go by, the longest of a language: usage and output are short.
        let lines = if hits.is_empty() { block.lines.len() } else { 0 };
        (hits.len(), language, lines)
    };
    match blocks.iter().max_by_key(|block| rank(block)) {
        Some(block) => block.lines.join("\n") + "\n",
        None => answer.trim_matches('\n').to_owned() + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(answer: &str) -> String {
        code(answer, &["python".into(), "py".into()], "assert f(1) == 2")
    }

    #[test]
    fn an_answer_without_a_fence_is_code() {
        assert_eq!(python("def f(x):\n    return x"), "def f(x):\n    return x\n");
        assert_eq!(python("use ```f``` here"), "use ```f``` here\n");
    }

    #[test]
    fn what_stands_between_two_blocks_is_never_code() {
        let answer =
            "First:\n```\nimport re\n```\ndef f(x): junk\n```python\ndef f(x):\n    return 2\n```\nIt prints:\n```\n2\n```\n";
        assert_eq!(python(answer), "def f(x):\n    return 2\n");
    }

    #[test]
    fn the_block_that_defines_what_is_tested_is_taken_the_last_of_several() {
        assert_eq!(python("```py\ndef g(): 1\nf(2)\nf(3)\n```\n```\ndef f(): 2\n```"), "def f(): 2\n");
        assert_eq!(python("```python\ndef f(): 1\n```\nBetter:\n```python\ndef f(): 2\n```"), "def f(): 2\n");
        assert_eq!(python("```text\ndef f(): 1\n```\n```python\ndef f(): 2\n```\n```js\nfunction f() {}\n```"), "def f(): 2\n");
        assert_eq!(python("```\n1\n```\n```python\na\nb\n```\n```python\nc\n```"), "a\nb\n");
    }

    #[test]
    fn fences_that_are_not_closed_or_indented_or_longer() {
        assert_eq!(python("Sure!\n```python\ndef f(): 1\n"), "def f(): 1\n");
        assert_eq!(python("1. So:\n   ```python\n   def f():\n     return 1\n   ```"), "def f():\n  return 1\n");
        assert_eq!(python("````python\ndef f():\n  '''\n```\nx\n```\n'''\n````"), "def f():\n  '''\n```\nx\n```\n'''\n");
        assert_eq!(python("~~~\ndef f(): 1\n~~~"), "def f(): 1\n");
        assert_eq!(python("```python\ndef f(): 1\n```python\nf(1)\n```"), "def f(): 1\n");
        assert_eq!(
            python("```python\ndef f():\n    \"\"\"\n    ```python\n    f()\n    ```\n    \"\"\"\n```").lines().count(),
            4
        );
    }

    proptest::proptest! {
        #[test]
        fn no_answer_is_too_strange(answer in "([`~]{0,4}[a-zü ]{0,4}\n?){0,12}") {
            let found = python(&answer);
            // What is taken stands in the answer, line by line, and no fence of a block is in it.
            for line in found.lines() {
                proptest::prop_assert!(answer.contains(line.trim()));
            }
        }
    }
}
