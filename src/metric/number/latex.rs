//! Rewrites LaTeX and special characters in numbers as plain text.

use std::borrow::Cow;

use crate::metric::normalize::fold;

/// Returns the content of the last `\boxed{…}` of a text. None if there is none.
pub(super) fn boxed(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("\\boxed")?;
    let inside = rest.trim_start().strip_prefix('{')?;
    let mut depth = 1;
    let end = inside.char_indices().find(|(_, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth == 0
    });
    end.map(|(at, _)| &inside[..at])
}

/// Returns the text with one spelling for all that belongs to numbers: `\frac{1}{2}` and `½` as `1/2`, powers as `10^8`, `×` for all
/// signs of multiplication, and folded characters.
pub(super) fn plain(text: &str) -> String {
    // The powers are rewritten first, because folding keeps them.
    let mut plain = fold(&powers(&fractions(text)));
    let rules = [
        (pattern!(r"\\[,;:! ]|\\(?:left|right|displaystyle|mathbf)\b"), ""),
        (pattern!(r"\{,\}"), ","),
        (pattern!(r"\\[dt]?frac\s*\{\s*(-?[0-9.]+)\s*\}\s*\{\s*([0-9.]+)\s*\}"), "$1/$2"),
        (pattern!(r"\\[dt]?frac\s*([0-9])\s*([0-9])"), "$1/$2"),
        // A power as programs write it.
        (pattern!(r"([0-9]) ?\*\* ?([-+]?[0-9])"), "$1^$2"),
        (pattern!(r"\\times\b|\\cdot\b|[·⋅∙✕]"), "×"),
        (pattern!(r"\^\s*\{\s*([-+]?[0-9]+)\s*\}"), "^$1"),
        (pattern!(r"\\([$%])"), "$1"),
        (pattern!(r"\\(?:text|mathrm)\s*\{([^{}]*)\}"), " $1"),
    ];
    for (pattern, by) in rules {
        if let Some(pattern) = pattern
            && let Cow::Owned(changed) = pattern.replace_all(&plain, by)
        {
            plain = changed;
        }
    }
    plain
}

/// The characters that are fractions, as the fractions that they show.
const FRACTIONS: [(char, &str); 15] = [
    ('½', "1/2"),
    ('⅓', "1/3"),
    ('⅔', "2/3"),
    ('¼', "1/4"),
    ('¾', "3/4"),
    ('⅕', "1/5"),
    ('⅖', "2/5"),
    ('⅗', "3/5"),
    ('⅘', "4/5"),
    ('⅙', "1/6"),
    ('⅚', "5/6"),
    ('⅛', "1/8"),
    ('⅜', "3/8"),
    ('⅝', "5/8"),
    ('⅞', "7/8"),
];

fn fractions(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match FRACTIONS.iter().find(|(fraction, _)| *fraction == c) {
            Some((_, fraction)) => {
                if written.ends_with(|c: char| c.is_numeric()) {
                    written.push(' ');
                }
                written.push_str(fraction);
            }
            None => written.push(c),
        }
    }
    written
}

/// Writes the raised digits behind a digit as a power: `10⁸` becomes `10^8`. Those of a unit, as in `m²`, stay.
fn powers(text: &str) -> String {
    let raised = |c: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|digit| digit == c).and_then(|digit| char::from_digit(digit as u32, 10));
    let mut written = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_power = false;
    while let Some(c) = rest.next() {
        let begins = written.ends_with(|c: char| c.is_ascii_digit());
        match raised(c) {
            Some(digit) if in_power || begins => {
                written.push_str(if in_power { "" } else { "^" });
                written.push(digit);
                in_power = true;
            }
            None if c == '⁻' && begins && rest.peek().is_some_and(|next| raised(*next).is_some()) => {
                written.push_str("^-");
                in_power = true;
            }
            _ => {
                written.push(c);
                in_power = false;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (text, wanted) in [
            (r"\frac{3}{4}", "3/4"),
            (r"-\dfrac34", "-3/4"),
            (r"\tfrac{-1}{2}", "-1/2"),
            ("1½", "1 1/2"),
            ("3.2 × 10⁻⁸", "3.2 × 10^-8"),
            (r"3.2 \times 10^{8}", "3.2 × 10^8"),
            (r"1{,}000\,\text{m}", "1,000 m"),
            ("5 m²", "5 m²"),
            ("１２－３", "12-3"),
        ] {
            assert_eq!(plain(text), wanted);
        }
        assert_eq!(boxed(r"so \boxed{1} or \boxed{\frac{1}{2}}."), Some(r"\frac{1}{2}"));
        assert_eq!(boxed(r"\boxed{1"), None);
    }
}
