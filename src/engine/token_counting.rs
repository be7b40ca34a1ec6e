//! Which tokenizer counts the tokens of a model.

use crate::gguf::Header;
use crate::tokenizer::Tokenizer;

/// Returns, as text for the user, which tokenizer counts the tokens of the model file of `header`, and why if it is not gepard's
/// own. With llama.cpp in this build, its tokenizer is compared with gepard's on built-in texts.
#[must_use]
pub fn describe_token_counting(header: &Header) -> String {
    let tokenizer = match Tokenizer::from_gguf(header) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return format!("only by llama.cpp: {error}"),
    };
    match difference_to_llama(header, &tokenizer) {
        None => "by gepard's tokenizer".to_owned(),
        Some(difference) => format!("by llama.cpp, because {difference}"),
    }
}

/// Returns a description of the first difference to llama.cpp's tokenizer; `None` where there is none, or llama.cpp cannot read the
/// file.
#[cfg(feature = "llama")]
fn difference_to_llama(header: &Header, tokenizer: &Tokenizer) -> Option<String> {
    // llama.cpp would end the process at such a header.
    if header.is_out_of_bounds() {
        return None;
    }
    let vocabulary = super::llama::Vocabulary::open(&header.path)?;
    tokenizer.first_difference(&|text| vocabulary.tokenize(text)).map(|difference| difference.to_string())
}

#[cfg(not(feature = "llama"))]
fn difference_to_llama(_: &Header, _: &Tokenizer) -> Option<String> {
    None
}
