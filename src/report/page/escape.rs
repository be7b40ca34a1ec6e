//! JSON that can stand inside of a script element.

use serde::Serialize;

/// The JSON of `value`, in which nothing can end the element it stands in, or begin another.
pub(super) fn json(value: &impl Serialize) -> String {
    // Maps with text keys, texts and finite numbers: it always has a JSON form.
    let plain = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 20);
    for character in plain.chars() {
        match character {
            // None of these stands outside of a JSON text.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}'..='\u{9f}' => {
                escaped += &format!("\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_gets_out_and_nothing_is_lost(text in "(?s)(.|</script>|<!--|\u{2028}|&lt;|\u{0}|\u{9b})*") {
            let escaped = json(&text);
            let harmful = ['<', '>', '&', '\u{2028}', '\u{2029}', '\n', '\0', '\u{9b}'];
            prop_assert!(!escaped.contains(harmful), "{}", escaped);
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
