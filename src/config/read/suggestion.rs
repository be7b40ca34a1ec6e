//! What a message suggests in place of an unknown name.

/// The dotted paths of keys that were renamed, with their names of today.
const RENAMED: [(&str, &str); 1] = [("optimize.max_instruction_tokens", "max_prompt_tokens")];

/// Returns today's name of a key; None if the dotted path is not that of a renamed key.
pub(super) fn renamed(path: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == path).map(|(_, new)| *new)
}

/// Returns `did you mean …?` with the most similar of the `known` names, or the list of all of them if none is similar.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|other| (strsim::damerau_levenshtein(name, other), other)).min();
    // Two short names may share half of their letters by chance.
    let half = name.chars().count() / 2;
    match nearest {
        Some((distance, near)) if distance <= half.min(1 + near.len() / 3) => format!("did you mean `{near}`?"),
        _ => {
            let mut known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            known.sort();
            known.dedup();
            format!("known are {}", known.join(", "))
        }
    }
}
