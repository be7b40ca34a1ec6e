//! Which part of a model's answer is the code.

use std::sync::LazyLock;

use regex::Regex;

/// A fenced block of an answer.
struct Block<'a> {
    /// The first word after the fence, in lower case.
    language: String,
    lines: Vec<&'a str>,
    /// Where in `lines` fences stand that are in too far to close it.
    deep: Vec<usize>,
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

/// The most spaces that a closing fence stands further in than the opening one. What stands deeper is in the code: an example in a
/// docstring.
const FURTHER: usize = 3;

/// Whether a text begins as code does, without a fence.
fn begins_with_code(answer: &str) -> bool {
    static BEGINS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\s*(?:(?:async )?def \w+ ?\(|class \w+ ?[:(]|import \w|from [\w.]+ import )").ok());
    BEGINS.as_ref().is_some_and(|begins| begins.is_match(answer))
}

/// Whether the fences of an answer pair off, so that the first opens a block. One with a language at the left margin opens its own
/// whatever stands before it.
fn pairs_off(answer: &str) -> bool {
    let fences: Vec<_> = answer.lines().filter_map(fence).filter(|&(_, _, indentation, _)| indentation <= FURTHER).collect();
    let opens = fences.first().is_some_and(|&(_, _, indentation, info)| indentation > 0 || info.is_empty());
    opens && fences.len().is_multiple_of(2)
}

/// The fenced blocks, as CommonMark has them: what stands between two blocks is in none. One that is not closed goes to the end,
/// or to the next fence that opens a language at the left margin: models forget to close. They forget to open as well: what begins
/// with code is a block, unless a fence after it opens one.
fn blocks(answer: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = (begins_with_code(answer) && !pairs_off(answer)).then(|| begin(&mut blocks, '`', 3, 0, ""));
    for line in answer.lines() {
        let found = fence(line);
        match (found, open) {
            (Some((mark, length, indentation, "")), Some((opened, least, margin)))
                if mark == opened && length >= least && indentation <= margin + FURTHER =>
            {
                blocks.last_mut().into_iter().for_each(|block| block.deep.clear());
                open = None;
            }
            (Some((mark, length, indentation, info)), None) => open = Some(begin(&mut blocks, mark, length, indentation, info)),
            (Some((mark, length, 0, info)), Some((opened, least, 0))) if mark == opened && length == least => {
                open = Some(begin(&mut blocks, mark, length, 0, info));
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
    // An example has two; an odd one closed the block, wherever it stands.
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

fn begin(blocks: &mut Vec<Block<'_>>, mark: char, length: usize, indentation: usize, info: &str) -> (char, usize, usize) {
    let word = info.trim_matches(['{', '}', '.']).split([' ', ',', '{', ':']).next().unwrap_or_default();
    blocks.push(Block { language: word.to_lowercase(), lines: Vec::new(), deep: Vec::new() });
    (mark, length, indentation)
}

/// The names that a text mentions.
fn names(text: &str) -> Vec<&str> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z_][A-Za-z0-9_]*").ok());
    NAME.as_ref().map(|name| name.find_iter(text).map(|found| found.as_str()).collect()).unwrap_or_default()
}

/// The names that a text defines, in any of the languages that models write, and whether more than a value is given to each: what
/// follows a word like `def`; or a word like `let`, or what stands before `=`.
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

/// The names that tests bind themselves, line by line: functions, values, and those of loops. A word in a comment binds nothing.
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

/// The code in an answer, and how many blocks it was chosen from: the block that defines most of what the tests mention and do not
/// bind themselves, functions and classes before values, for an example of use has values of its own; of equals one in the right
/// language, and of these the last, for models correct themselves. An answer without a block is code as a whole.
pub(super) fn code(answer: &str, languages: &[String], tests: &str) -> (String, usize) {
    let blocks = blocks(answer);
    let (mut mentioned, bound) = (names(tests), bound(tests));
    mentioned.retain(|name| !bound.contains(name));
    let rank = |block: &Block<'_>| {
        let text = block.lines.join("\n");
        let mut hits: Vec<(&str, bool)> = defined(&text).into_iter().filter(|(name, _)| mentioned.contains(name)).collect();
        // Of one name, the definition stands first and stays.
        hits.sort_unstable_by_key(|&(name, defines)| (name, !defines));
        hits.dedup_by_key(|(name, _)| *name);
        let definitions = hits.iter().filter(|(_, defines)| *defines).count();
        let language = match block.language.as_str() {
            "" => 1,
            language if languages.iter().any(|known| known == language) => 2,
            _ => 0,
        };
        // Without a name to go by, the longest of a language: usage and output are short.
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
    fn an_example_of_use_is_not_the_code() {
        let solution = "def total(nums):\n    return sum(nums)\n";
        let take = |usage: &str, tests: &str| {
            let answer = format!("```python\n{solution}```\nExample usage:\n```python\n{usage}\n```");
            code(&answer, &["python".into()], tests)
        };
        let solution = (solution.to_owned(), 2);
        let usage = "nums = [1, 2, 3]\nprint(total(nums))";
        assert_eq!(take(usage, "nums = [1, 2, 3, 4]\nassert total(nums) == 10"), solution);
        // A definition before a value, whoever binds its name.
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
        // A list's fence may be closed a little further in.
        assert_eq!(python("1. So:\n```python\ndef f(): 1\n   ```\nDone."), "def f(): 1\n");
        // And further, where nothing else closes the block.
        let further = "```python\ndef f():\n    1\n    ```\nDone.";
        assert_eq!(python(further), "def f():\n    1\n");
        assert_eq!(python(&format!("{further}\n```python\nf(1)\n```")), "def f():\n    1\n");
        let mark = "def f():\n    return '''\n    ```\n    '''\n";
        assert_eq!(python(&format!("```python\n{mark}```\nDone.")), mark);
    }

    #[test]
    fn what_begins_with_code_was_opened() {
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
        fn no_answer_is_too_strange(answer in "([`~]{0,4}[a-zü ]{0,4}\n?){0,12}") {
            let found = python(&answer);
            // What is taken stands in the answer, line by line, and no fence of a block is in it.
            for line in found.lines() {
                proptest::prop_assert!(answer.contains(line.trim()));
            }
        }
    }
}
