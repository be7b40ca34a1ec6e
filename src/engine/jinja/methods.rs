//! Python's methods of texts that chat templates call and minijinja-contrib has not.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

/// Calls a method of a value: one of those below, else one of minijinja-contrib's.
pub(super) fn call(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if value.kind() == ValueKind::String
        && let Some(text) = value.as_str()
        && let Some(result) = call_on_text(text, method, args)?
    {
        return Ok(result);
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}

/// Returns the result of a method of a text; None if the method is none of these.
fn call_on_text(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (before, behind) = text.split_once(separator).map_or((text, None), |(before, behind)| (before, Some(behind)));
            texts(&[before, behind.map_or("", |_| separator), behind.unwrap_or("")])
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (before, behind) = text.rsplit_once(separator).map_or((None, text), |(before, behind)| (Some(before), behind));
            texts(&[before.unwrap_or(""), before.map_or("", |_| separator), behind])
        }
        "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
            let parts = usize::try_from(most.unwrap_or(-1)).map_or(usize::MAX, |most| most.saturating_add(1));
            let mut split: Vec<&str> = match separator {
                Some(separator) => text.rsplitn(parts, separator).collect(),
                None => split_words_from_the_right(text, parts),
            };
            split.reverse();
            texts(&split)
        }
        "casefold" => no_arguments(args, text.to_lowercase())?,
        "swapcase" => no_arguments(args, text.chars().flat_map(swapped).collect())?,
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing(text, width)?)))
        }
        "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<char>) = from_args(args)?;
            let (width, missing, fill) = (width, missing(text, width)?, fill.unwrap_or(' ').to_string());
            let before = match method {
                "ljust" => 0,
                "rjust" => missing,
                // As Python divides an odd number.
                _ => missing / 2 + (missing & width & 1),
            };
            Value::from(format!("{}{text}{}", fill.repeat(before), fill.repeat(missing - before)))
        }
        "index" => {
            let (part,): (&str,) = from_args(args)?;
            let at = text.find(part).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "substring not found"))?;
            Value::from(text[..at].chars().count())
        }
        _ => return Ok(None),
    }))
}

/// Returns a text that a method without arguments makes.
fn no_arguments(args: &[Value], text: String) -> Result<Value, Error> {
    let () = from_args(args)?;
    Ok(Value::from(text))
}

/// Returns a letter in the other case.
fn swapped(letter: char) -> Vec<char> {
    if letter.is_uppercase() { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() }
}

/// The widest text that a template may fill up. A width takes memory before anything is written.
const WIDEST: usize = 10_000;

/// Returns the number of characters that a text lacks to a width.
fn missing(text: &str, width: usize) -> Result<usize, Error> {
    if width > WIDEST {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("a width of more than {WIDEST}")));
    }
    Ok(width.saturating_sub(text.chars().count()))
}

/// Returns a list of texts.
fn texts(parts: &[&str]) -> Value {
    parts.iter().map(|part| Value::from(*part)).collect()
}

/// Splits a text at white space into at most `parts` parts, the last first. The first part of the text keeps its inner white space.
fn split_words_from_the_right(text: &str, parts: usize) -> Vec<&str> {
    let mut split = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        if split.len() + 1 == parts {
            split.push(rest);
            break;
        }
        let (before, word) = rest.rsplit_once(char::is_whitespace).unwrap_or(("", rest));
        split.push(word);
        rest = before.trim_end();
    }
    split
}

#[cfg(test)]
mod tests {
    /// The right texts are those of Python 3.12.
    #[test]
    fn methods_do_what_python_does() {
        let mut environment = minijinja::Environment::new();
        environment.set_unknown_method_callback(super::call);
        for (source, right) in [
            ("'<think>a'.removeprefix('<think>')", "a"),
            ("'a'.removeprefix('b') ~ 'a'.removesuffix('b')", "aa"),
            ("'a.py'.removesuffix('.py')", "a"),
            ("'a=b=c'.partition('=')|join('|')", "a|=|b=c"),
            ("'a'.partition('=')|join('|')", "a||"),
            ("'a=b=c'.rpartition('=')|join('|')", "a=b|=|c"),
            ("'a'.rpartition('=')|join('|')", "||a"),
            ("'a,b,c'.rsplit(',', 1)|join('|')", "a,b|c"),
            ("'a,b,c'.rsplit(',')|join('|')", "a|b|c"),
            ("'a,b,c'.rsplit(',', -1)|join('|')", "a|b|c"),
            ("' a b  c '.rsplit(none, 1)|join('|')", " a b|c"),
            ("' a b  c '.rsplit()|join('|')", "a|b|c"),
            ("'a,b'.split(',')|join('|')", "a|b"),
            ("'Straße Ab'.swapcase() ~ 'AB'.casefold()", "sTRASSE aBab"),
            ("'-7'.zfill(4) ~ '12'.zfill(1) ~ '+x'.zfill(4)", "-00712+00x"),
            ("'ab'.ljust(4, '.') ~ 'ab'.rjust(4) ~ 'ab'.center(5, '*') ~ 'abc'.center(6, '*')", "ab..  ab**ab**abc**"),
            ("'äbc'.index('c')", "2"),
        ] {
            assert_eq!(environment.render_str(&format!("{{{{ {source} }}}}"), ()).unwrap(), right, "{source}");
        }
        assert!(environment.render_str("{{ 'a'.unknown() }}", ()).is_err());
    }
}
