//! Python's formatting with `%`, which minijinja has as the filter `format`.

use super::tags::{closing, end_of_text, split_outside};

/// Returns the content of a tag with each `'text' % values` as `'text'|format(values)`. Only a quoted text on the left is seen: of a
/// variable, nothing tells whether it is a text or a number.
pub(super) fn as_filter(tag: &str) -> String {
    let mut text = String::with_capacity(tag.len());
    let (mut at, mut end) = (0, 0);
    while let Some(letter) = tag[at..].chars().next() {
        if !matches!(letter, '\'' | '"') {
            at += letter.len_utf8();
            continue;
        }
        let Some(behind) = end_of_text(tag, at) else { break };
        at = behind;
        let Some(values) = tag[behind..].trim_start().strip_prefix('%') else { continue };
        let start = tag.len() - values.trim_start().len();
        let Some(length) = operand(&tag[start..]) else { continue };
        text.push_str(&tag[end..behind]);
        text.push_str(&format!("|format({})", arguments(&tag[start..start + length])));
        at = start + length;
        end = at;
    }
    text + &tag[end..]
}

/// Returns the values as arguments of a call: the items of a tuple, the entries of a dictionary, or one value.
fn arguments(values: &str) -> String {
    let is_whole = closing(values, 0) == Some(values.len() - 1);
    match values.as_bytes()[0] {
        b'(' if is_whole && split_outside(&values[1..values.len() - 1], ',').len() > 1 => {
            as_filter(values[1..values.len() - 1].trim_end().trim_end_matches(','))
        }
        b'{' if is_whole => format!("**{}", as_filter(values)),
        _ => as_filter(values),
    }
}

/// Returns the length of the operand at the beginning of a text: a value with its attributes, items, calls and filters, which all bind
/// stronger than `%`. None if none stands there.
fn operand(text: &str) -> Option<usize> {
    let mut at = text.len() - text.trim_start_matches('-').len();
    at = match text[at..].chars().next()? {
        '(' | '[' | '{' => closing(text, at)? + 1,
        '\'' | '"' => end_of_text(text, at)?,
        letter if is_of_name(letter) => end_of_name(text, at),
        _ => return None,
    };
    loop {
        let rest = text[at..].trim_start();
        let here = text.len() - rest.len();
        at = match rest.chars().next() {
            Some('(' | '[') => closing(text, here)? + 1,
            Some('.' | '|') => {
                let name = text.len() - text[here + 1..].trim_start().len();
                if !text[name..].starts_with(is_of_name) {
                    return Some(at);
                }
                end_of_name(text, name)
            }
            _ => return Some(at),
        };
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn end_of_name(text: &str, at: usize) -> usize {
    text[at..].find(|letter| !is_of_name(letter)).map_or(text.len(), |length| at + length)
}

#[cfg(test)]
mod tests {
    use super::super::{add_methods, as_minijinja};

    /// The right texts are those of Jinja2 3.1 with Python 3.12.
    #[test]
    fn texts_are_formatted_as_in_python() {
        let mut environment = minijinja::Environment::new();
        add_methods(&mut environment);
        for (source, right) in [
            ("{{ '%s' % 'a' }}", "a"),
            ("{{ '%s-%d' % ('a', 5) }}", "a-5"),
            ("{{ 'Step %d of %d: ' % (n, o.n + 1) ~ 'go' }}", "Step 3 of 8: go"),
            ("{{ \"%.2f\" % 1.5 }}|{{ '%5d' % 42 }}|{{ '%-5s' % 'ab' }}|{{ '%05d' % 42 }}", "1.50|   42|ab   |00042"),
            ("{{ '%x' % 255 }} {{ '%d%%' % 50 }}", "ff 50%"),
            ("{{ '%(a)s=%(b)d' % {'a': 'x', 'b': 2} }}", "x=2"),
            ("{{ '%s' % o.list[0]|upper }}", "Q"),
            ("{{ '%s' % ('a' ~ 'b') }}", "ab"),
            ("{{ '%s' % ('%d' % 7,) }}", "7"),
            ("{% set t = '<%s>' % o.list[1].upper() -%} {{ t }}", "<R>"),
            ("{{ n % 2 }} {{ '5' ~ 7 % 4 }} {{ -n % 2 }}", "1 53 1"),
            ("{% if 'a' %}b{% endif %}{{ '% d' }}", "b% d"),
            ("{{ '%d' % -n }}", "-3"),
            ("100 % sure {{ ['%s' % n, 'x'] | join('%') }}", "100 % sure 3%x"),
        ] {
            let fields = minijinja::context! { n => 3, o => minijinja::context! { n => 7, list => ["q", "r"] } };
            assert_eq!(environment.render_str(&as_minijinja(source), fields).unwrap(), right, "{source}");
        }
    }
}
