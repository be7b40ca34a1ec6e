//! Finds the code in a model's answer.

use std::sync::LazyLock;

use regex::Regex;

/// A fenced block of an answer.
struct Block<'a> {
    /// The first word after the fence, in lower case.
    language: String,
    /// The lines between the fences, without the indentation of the opening fence.
    lines: Vec<&'a str>,
    /// The indices in `lines` of the fences that are indented too far to close the block.
    deep: Vec<usize>,
}

/// Reads a line as a fence. Returns its character, its length, its indentation, and the text after it. None where the line is no
/// fence.
fn fence(line: &str) -> Option<(char, usize, usize, &str)> {
    let text = line.trim_start();
    let mark = text.chars().next().filter(|&c| c == '`' || c == '~')?;
    let length = text.chars().take_while(|&c| c == mark).count();
    let after = text[length..].trim();
    // "```x```" is code within a line, not a fence.
    (length >= 3 && !(mark == '`' && after.contains('`'))).then_some((mark, length, line.len() - text.len(), after))
}

/// The most spaces by which a closing fence may be indented further than the opening one. A fence that is indented more belongs
/// to the code, like an example in a docstring.
const MOST_INDENTED: usize = 3;

/// Returns whether an answer begins with Python code without a fence.
fn begins_with_code(answer: &str) -> bool {
    static BEGINS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\s*(?:(?:async )?def \w+ ?\(|class \w+ ?[:(]|import \w|from [\w.]+ import )").ok());
    BEGINS.as_ref().is_some_and(|begins| begins.is_match(answer))
}

/// Returns whether the fences of an answer are pairs, so that the first one opens a block. False where the first one has a
/// language and stands at the left margin: it opens a block whatever stands before it.
fn pairs_off(answer: &str) -> bool {
    let fences: Vec<_> =
        answer.lines().filter_map(fence).filter(|&(_, _, indentation, _)| indentation <= MOST_INDENTED).collect();
    let opens = fences.first().is_some_and(|&(_, _, indentation, info)| indentation > 0 || info.is_empty());
    opens && fences.len().is_multiple_of(2)
}

/// Returns the fenced blocks of an answer that are not blank, by the rules of CommonMark. Text between two blocks is in none.
///
/// Models forget fences, so there are two more rules. A block that is not closed ends at the next fence with a language at the
/// left margin, or at the end of the answer. An answer that begins with code begins with a block, unless its fences are pairs.
fn blocks(answer: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = (begins_with_code(answer) && !pairs_off(answer)).then(|| open_block(&mut blocks, '`', 3, 0, ""));
    for line in answer.lines() {
        let found = fence(line);
        match (found, open) {
            (Some((mark, length, indentation, "")), Some((opened, least, margin)))
                if mark == opened && length >= least && indentation <= margin + MOST_INDENTED =>
            {
                blocks.last_mut().into_iter().for_each(|block| block.deep.clear());
                open = None;
            }
            (Some((mark, length, indentation, info)), None) => {
                open = Some(open_block(&mut blocks, mark, length, indentation, info));
            }
            (Some((mark, length, 0, info)), Some((opened, least, 0))) if mark == opened && length == least => {
                open = Some(open_block(&mut blocks, mark, length, 0, info));
            }
            (_, Some((opened, least, indentation))) => {
                let spaces = line.len() - line.trim_start().len();
                if let Some(block) = blocks.last_mut() {
                    if found.is_some_and(|(mark, length, ..)| mark == opened && length >= least) {
                        block.deep.push(block.lines.len());
                    }
                    block.lines.push(line.get(spaces.min(indentation)..).unwrap_or(line));
                }
            }
            (None, None) => {}
        }
    }
    // An example within the code has two fences. If the number of fences is odd, the last one closed the block.
    for block in &mut blocks {
        if let Some(&last) = block.deep.last()
            && block.deep.len() % 2 == 1
        {
            block.lines.truncate(last);
        }
    }
    blocks.retain(|block| block.lines.iter().any(|line| !line.trim().is_empty()));
    blocks
}

/// Adds an empty block. Returns the character, the length and the indentation of its opening fence.
fn open_block(blocks: &mut Vec<Block<'_>>, mark: char, length: usize, indentation: usize, info: &str) -> (char, usize, usize) {
    let word = info.trim_matches(['{', '}', '.']).split([' ', ',', '{', ':']).next().unwrap_or_default();
    blocks.push(Block { language: word.to_lowercase(), lines: Vec::new(), deep: Vec::new() });
    (mark, length, indentation)
}

/// Returns the identifiers in a text.
fn names(text: &str) -> Vec<&str> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z_][A-Za-z0-9_]*").ok());
    NAME.as_ref().map(|name| name.find_iter(text).map(|found| found.as_str()).collect()).unwrap_or_default()
}

/// Returns the names that a text defines, by the syntax of several languages. The flag is true for a function or a type, which
/// stands after a word like `def`. It is false for a value, which stands after a word like `let`, or before `=`.
fn defined(text: &str) -> Vec<(&str, bool)> {
    static DEFINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let defines = r"\b(?:def|class|fn|func|function|fun|sub|proc|struct)\s+([A-Za-z_]\w*)";
        let gives = r"\b(?:let|const|var|val)\s+([A-Za-z_]\w*)|^([A-Za-z_]\w*)\s*=[^=]";
        Regex::new(&format!("(?m){defines}|{gives}")).ok()
    });
    let found = DEFINED.as_ref().map(|defined| defined.captures_iter(text));
    let name = found.into_iter().flatten().filter_map(|found| match found.get(1) {
        Some(name) => Some((name.as_str(), true)),
        None => found.get(2).or(found.get(3)).map(|name| (name.as_str(), false)),
    });
    name.collect()
}

/// Returns the names that the tests define themselves, line by line: functions, types, values and loop variables. Comments are
/// not searched.
fn bound(tests: &str) -> Vec<&str> {
    static BOUND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let words = r"(?:async[ \t]+)?(?:def|class|fn|func|function|fun|sub|proc|struct|let|const|var|val)[ \t]+([A-Za-z_]\w*)";
        let loops = r"for\b([^:=\n]*?)\bin\b";
        let values = r"([A-Za-z_]\w*(?:[ \t]*,[ \t]*\*?[A-Za-z_]\w*)*)[ \t]*(?::[^=\n]*)?=[^=]";
        Regex::new(&format!(r"(?m)^[ \t]*(?:{words}|{loops}|{values})")).ok()
    });
    let found = BOUND.as_ref().map(|bound| bound.captures_iter(tests));
    let several = found.into_iter().flatten().filter_map(|found| found.get(1).or(found.get(2)).or(found.get(3)));
    several.flat_map(|several| names(several.as_str())).collect()
}

/// Returns the code of an answer, and the number of blocks from which it was chosen.
///
/// The block is chosen that defines the most names that the tests mention and do not define themselves. Functions and types count
/// before values, because an example of use has values of its own. Of equal blocks, one in the right language is chosen; if no
/// block defines a name, the longest of these; and of equal ones the last, because models correct themselves. If an answer has no
/// block, the whole answer is the code.
pub(super) fn code(answer: &str, languages: &[String], tests: &str) -> (String, usize) {
    let blocks = blocks(answer);
    let (mut mentioned, bound) = (names(tests), bound(tests));
    mentioned.retain(|name| !bound.contains(name));
    let rank = |block: &Block<'_>| {
        let text = block.lines.join("\n");
        let mut hits: Vec<(&str, bool)> = defined(&text).into_iter().filter(|(name, _)| mentioned.contains(name)).collect();
        // Each name counts once. A definition is sorted before a value of the same name, so it is the one that stays.
        hits.sort_unstable_by_key(|&(name, defines)| (name, !defines));
        hits.dedup_by_key(|(name, _)| *name);
        let definitions = hits.iter().filter(|(_, defines)| *defines).count();
        let language = match block.language.as_str() {
            "" => 1,
            language if languages.iter().any(|known| known == language) => 2,
            _ => 0,
        };
        // If a block defines no name, its length counts: examples of use and outputs are short.
        let lines = if hits.is_empty() { block.lines.len() } else { 0 };
        (definitions, hits.len(), language, lines)
    };
    let code = match blocks.iter().max_by_key(|block| rank(block)) {
        Some(block) => block.lines.join("\n") + "\n",
        None => answer.trim_matches('\n').to_owned() + "\n",
    };
    (code, blocks.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(answer: &str) -> String {
        code(answer, &["python".into(), "py".into()], "assert f(1) == 2").0
    }

    #[test]
    fn an_answer_without_a_fence_is_code() {
        assert_eq!(python("def f(x):\n    return x"), "def f(x):\n    return x\n");
        assert_eq!(python("use ```f``` here"), "use ```f``` here\n");
    }

    #[test]
    fn text_between_two_blocks_is_never_code() {
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
    fn an_example_of_use_is_not_the_code() {
        let solution = "def total(nums):\n    return sum(nums)\n";
        let take = |usage: &str, tests: &str| {
            let answer = format!("```python\n{solution}```\nExample usage:\n```python\n{usage}\n```");
            code(&answer, &["python".into()], tests)
        };
        let solution = (solution.to_owned(), 2);
        let usage = "nums = [1, 2, 3]\nprint(total(nums))";
        assert_eq!(take(usage, "nums = [1, 2, 3, 4]\nassert total(nums) == 10"), solution);
        // A definition counts before a value, even if the tests do not bind the name of the value.
        assert_eq!(take(usage, "assert total(nums=[1, 2, 3, 4]) == 10"), solution);
        assert_eq!(take("def check(f): f([])\ncheck(total)", "def check(f):\n    assert f([1]) == 1\n\ncheck(total)"), solution);
        let tests =
            "# for it in def f\na, b = 1, 2\n  c: int = 3\nfor d, (e, _) in f(): assert g(x=d) in h, 'def i'\nj == 1\nk += 1";
        assert_eq!(bound(tests), ["a", "b", "c", "d", "e", "_"]);
    }

    #[test]
    fn fences_that_are_not_closed_or_indented_or_longer() {
        assert_eq!(python("Sure!\n```python\ndef f(): 1\n"), "def f(): 1\n");
        assert_eq!(python("1. So:\n   ```python\n   def f():\n     return 1\n   ```"), "def f():\n  return 1\n");
        assert_eq!(python("````python\ndef f():\n  '''\n```\nx\n```\n'''\n````"), "def f():\n  '''\n```\nx\n```\n'''\n");
        assert_eq!(python("~~~\ndef f(): 1\n~~~"), "def f(): 1\n");
        assert_eq!(python("```python\ndef f(): 1\n```python\nf(1)\n```"), "def f(): 1\n");
    }

    #[test]
    fn an_example_in_a_docstring_does_not_cut_the_code() {
        for tag in ["", "python"] {
            let code =
                format!("def f(x):\n    \"\"\"Doubles.\n\n    ```{tag}\n    f(3)\n    ```\n    \"\"\"\n    return 2 * x\n");
            assert_eq!(python(&format!("```python\n{code}```\nDone.")), code);
            assert_eq!(python(&code), code);
        }
        // The closing fence may be indented a little further than the opening one.
        assert_eq!(python("1. So:\n```python\ndef f(): 1\n   ```\nDone."), "def f(): 1\n");
        // It may be indented much further if nothing else closes the block.
        let further = "```python\ndef f():\n    1\n    ```\nDone.";
        assert_eq!(python(further), "def f():\n    1\n");
        assert_eq!(python(&format!("{further}\n```python\nf(1)\n```")), "def f():\n    1\n");
        let mark = "def f():\n    return '''\n    ```\n    '''\n";
        assert_eq!(python(&format!("```python\n{mark}```\nDone.")), mark);
    }

    #[test]
    fn an_answer_that_begins_with_code_begins_with_a_block() {
        let code = "import math\n\ndef f(x):\n    return x\n";
        assert_eq!(python(&format!("{code}```\nIt returns `x`.")), code);
        assert_eq!(python(&format!("from math import floor\n```python\n{code}```")), code);
        assert_eq!(python(&format!("from what I see:\n```python\n{code}```")), code);
        for before in ["import math\n\n", "from math import floor.\n", "import this:\n```\nx\n```\nand\n"] {
            assert_eq!(python(&format!("{before}```\n{code}```\n")), code);
        }
        assert_eq!(python("import so:\n1. This\n   ```python\n   def f(): 1\n   ```"), "def f(): 1\n");
        assert_eq!(python(&format!("{code}```python\nf(1)\n```")), code);
        for begins in ["class A:\n    x = 1\n", "async def f(x): return x\n", "class B(A): pass\n"] {
            assert_eq!(python(&format!("{begins}```\nThat is it.")), begins);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_answer_can_be_read(answer in "([`~]{0,4}[a-zü ]{0,4}\n?){0,12}") {
            let found = python(&answer);
            // Every line of the code stands in the answer.
            for line in found.lines() {
                proptest::prop_assert!(answer.contains(line.trim()));
            }
        }
    }
}
