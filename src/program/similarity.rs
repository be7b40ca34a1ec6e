//! Which texts are the most similar to the inputs of a call.
//!
//! The similarity is the cosine of TF-IDF vectors (Salton and Buckley 1988) over the words of all input values and the
//! trigrams of their characters. Trigrams find other forms of a word, and they work in languages that write no spaces. The
//! weight of a term in a text is `tf · (ln((1 + n) / (1 + df)) + 1)`: `tf` is its count in the text, `n` the number of
//! texts, and `df` the number of texts that have the term.

use std::collections::BTreeMap;

/// The number of characters of a character term.
const GRAM: usize = 3;

/// The terms of a text with their counts.
type Counts = BTreeMap<String, u32>;

/// The names and values of the inputs of a module.
type Inputs = [(String, String)];

/// Returns the indices of the `most` of `texts` that are the most similar to `inputs`, the most similar last. Of equally similar
/// ones, those that stand first are taken.
pub(super) fn nearest<'a>(texts: impl Iterator<Item = &'a Inputs>, inputs: &Inputs, most: usize) -> Vec<usize> {
    let texts: Vec<Counts> = texts.map(terms).collect();
    let wanted = terms(inputs);
    let mut having: BTreeMap<&str, u32> = wanted.keys().map(|term| (term.as_str(), 0)).collect();
    for term in texts.iter().flat_map(BTreeMap::keys) {
        *having.entry(term).or_default() += 1;
    }
    let all = texts.len() as f64;
    let weights: BTreeMap<&str, f64> =
        having.into_iter().map(|(term, having)| (term, ((1.0 + all) / (1.0 + f64::from(having))).ln() + 1.0)).collect();
    let wanted = Weighted::new(&wanted, &weights);
    let similarities: Vec<f64> = texts.iter().map(|text| wanted.cosine(&Weighted::new(text, &weights))).collect();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| similarities[b].total_cmp(&similarities[a]).then(a.cmp(&b)));
    order.truncate(most);
    order.reverse();
    order
}

/// Returns the words of all values in lower case, and their trigrams. A trigram begins with `#`, which no word has; a word is
/// padded with a space on both sides.
fn terms(inputs: &Inputs) -> Counts {
    let mut counts = Counts::new();
    for (_, value) in inputs {
        let lower = value.to_lowercase();
        for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *counts.entry(word.to_owned()).or_default() += 1;
            let padded: Vec<char> = format!(" {word} ").chars().collect();
            for gram in padded.windows(GRAM) {
                let term: String = std::iter::once('#').chain(gram.iter().copied()).collect();
                *counts.entry(term).or_default() += 1;
            }
        }
    }
    counts
}

/// The vector of a text.
struct Weighted<'t> {
    /// The weighted count of each term.
    terms: BTreeMap<&'t str, f64>,
    length: f64,
}

impl<'t> Weighted<'t> {
    fn new(counts: &'t Counts, weights: &BTreeMap<&str, f64>) -> Self {
        let weighted = |(term, &count): (&'t String, &u32)| {
            (term.as_str(), f64::from(count) * weights.get(term.as_str()).copied().unwrap_or(0.0))
        };
        let terms: BTreeMap<&str, f64> = counts.iter().map(weighted).collect();
        let length = terms.values().map(|value| value.powi(2)).sum::<f64>().sqrt();
        Self { terms, length }
    }

    /// Returns the cosine of two vectors, in [0, 1]; 0 if one of the texts has no terms.
    fn cosine(&self, other: &Self) -> f64 {
        let product: f64 = self.terms.iter().filter_map(|(term, value)| Some(value * other.terms.get(term)?)).sum();
        let lengths = self.length * other.length;
        if lengths > 0.0 { product / lengths } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(texts: &[&str], wanted: &str, most: usize) -> Vec<usize> {
        let input = |text: &str| vec![("text".to_owned(), text.to_owned())];
        let texts: Vec<_> = texts.iter().map(|text| input(text)).collect();
        nearest(texts.iter().map(Vec::as_slice), &input(wanted), most)
    }

    #[test]
    fn the_most_similar_stands_last() {
        let texts = ["The parcel was not delivered.", "I was charged twice.", "Where is my parcel?", "Reset the password."];
        assert_eq!(found(&texts, "my parcel is late", 2), [0, 2]);
    }

    #[test]
    fn other_forms_of_a_word_and_texts_without_spaces_are_found() {
        assert_eq!(found(&["a window", "the charges"], "they were charging me", 1), [1]);
        assert_eq!(found(&["今日は天気がいい", "荷物が届かない"], "荷物はまだ届かない", 1), [1]);
    }

    #[test]
    fn a_rare_word_counts_more_than_a_common_one() {
        let texts = ["please help with the printer", "please help with the invoice", "invoice"];
        assert_eq!(found(&texts, "please help: printer", 1), [0]);
    }

    #[test]
    fn without_a_common_term_the_first_are_taken() {
        assert_eq!(found(&["a b", "c d", "e f"], "xyz", 2), [1, 0]);
        assert_eq!(found(&["a b"], "", 3), [0]);
        assert_eq!(found(&[], "a", 3), Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn a_text_is_the_most_similar_to_itself(texts in prop::collection::vec("[a-z]{1,8}( [a-z]{1,8}){0,4}", 1..8), at in 0_usize..8) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let at = at % texts.len();
            let found = found(&texts, texts[at], 1)[0];
            // Texts with the same words have the same terms.
            let sorted = |text: &str| { let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect(); words.sort(); words };
            let words = |text: &str| sorted(text).into_iter().collect::<std::collections::BTreeSet<_>>();
            prop_assert!(found == at || words(texts[found]) == words(texts[at]));
        }
    }
}
