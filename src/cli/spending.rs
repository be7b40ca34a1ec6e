//! What a search has spent of its budget, in words.

use gepard::report::state::RunState;

/// Returns a number of tokens with three digits at most, such as "950", "12k" or "2.3M". It is rounded down.
pub(super) fn tokens_in_words(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..1_000_000 => format!("{}k", tokens / 1000),
        1_000_000..10_000_000 if !tokens.is_multiple_of(1_000_000) => {
            format!("{}.{}M", tokens / 1_000_000, tokens / 100_000 % 10)
        }
        _ => format!("{}M", tokens / 1_000_000),
    }
}

/// Returns how many rollouts a search has spent, or, where its limit in tokens is nearer, how many tokens.
pub(super) fn spent_in_words(state: &RunState) -> String {
    let of = |most: Option<String>| most.map_or_else(String::new, |most| format!("/{most}"));
    match state.are_tokens_nearer() {
        true => format!("{}{} tokens", tokens_in_words(state.tokens), of(state.most_tokens.map(tokens_in_words))),
        false => format!("{}{} rollouts", state.spent, of(state.most_rollouts.map(|most| most.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_units() {
        let numbers = [0, 999, 12_345, 999_999, 2_000_000, 2_340_000, 9_999_999, 12_600_000];
        assert_eq!(numbers.map(tokens_in_words), ["0", "999", "12k", "999k", "2M", "2.3M", "9.9M", "12M"]);
    }

    #[test]
    fn the_nearer_limit_is_shown() {
        let state = RunState { spent: 40, tokens: 5000, ..RunState::default() };
        assert_eq!(spent_in_words(&state), "40 rollouts");
        let both = RunState { most_rollouts: Some(100), most_tokens: Some(50_000), ..state };
        assert_eq!(spent_in_words(&both), "40/100 rollouts");
        assert_eq!(spent_in_words(&RunState { most_tokens: Some(10_000), ..both }), "5k/10k tokens");
    }
}
