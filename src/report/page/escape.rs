//! JSON that can stand inside a script element.

use serde::Serialize;

/// Returns the JSON text of `value`, without any character that could end the script element or begin another element.
pub(super) fn json(value: &impl Serialize) -> String {
    // The value consists of maps with text keys, texts and finite numbers, so it always has a JSON form.
    let plain = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 20);
    for character in plain.chars() {
        match character {
            // These characters occur only inside JSON strings, where an escape means the same.
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
        fn harmful_characters_are_escaped_and_no_text_is_lost(text in "(?s)(.|</script>|<!--|\u{2028}|&lt;|\u{0}|\u{9b})*") {
            let escaped = json(&text);
            let harmful = ['<', '>', '&', '\u{2028}', '\u{2029}', '\n', '\0', '\u{9b}'];
            prop_assert!(!escaped.contains(harmful), "{}", escaped);
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
