//! Recognizes the language of a text by `whatlang`, where the reference of IFEval uses `langdetect`.

use whatlang::Lang;

/// Returns the language of an ISO 639-1 code. None where it cannot be recognized.
fn language(code: &str) -> Option<Lang> {
    const CODES: [(&str, Lang); 44] = [
        ("ar", Lang::Ara),
        ("bg", Lang::Bul),
        ("bn", Lang::Ben),
        ("ca", Lang::Cat),
        ("cs", Lang::Ces),
        ("da", Lang::Dan),
        ("de", Lang::Deu),
        ("el", Lang::Ell),
        ("en", Lang::Eng),
        ("es", Lang::Spa),
        ("et", Lang::Est),
        ("fa", Lang::Pes),
        ("fi", Lang::Fin),
        ("fr", Lang::Fra),
        ("gu", Lang::Guj),
        ("he", Lang::Heb),
        ("hi", Lang::Hin),
        ("hr", Lang::Hrv),
        ("hu", Lang::Hun),
        ("id", Lang::Ind),
        ("it", Lang::Ita),
        ("ja", Lang::Jpn),
        ("kn", Lang::Kan),
        ("ko", Lang::Kor),
        ("lt", Lang::Lit),
        ("lv", Lang::Lav),
        ("ml", Lang::Mal),
        ("mr", Lang::Mar),
        ("ne", Lang::Nep),
        ("nl", Lang::Nld),
        ("pa", Lang::Pan),
        ("pl", Lang::Pol),
        ("pt", Lang::Por),
        ("ro", Lang::Ron),
        ("ru", Lang::Rus),
        ("sk", Lang::Slk),
        ("sv", Lang::Swe),
        ("ta", Lang::Tam),
        ("te", Lang::Tel),
        ("th", Lang::Tha),
        ("tr", Lang::Tur),
        ("uk", Lang::Ukr),
        ("ur", Lang::Urd),
        ("vi", Lang::Vie),
    ];
    CODES.iter().find(|(known, _)| *known == code).map(|(_, lang)| *lang)
}

/// Returns whether the language of an ISO 639-1 code can be recognized.
pub(super) fn is_language(code: &str) -> bool {
    language(code).is_some()
}

/// Returns whether the most likely language of a text is this one, as in the reference. True for a text without letters.
pub(super) fn is_in_language(text: &str, code: &str) -> bool {
    whatlang::detect_lang(text).is_none_or(|found| Some(found) == language(code))
}

/// Returns whether a text can be in a language. False only where another language is recognized reliably, because the guess is
/// often wrong for a short text.
pub(super) fn may_be_in_language(text: &str, code: &str) -> bool {
    let found = whatlang::detect(text).filter(whatlang::Info::is_reliable);
    found.is_none_or(|found| Some(found.lang()) == language(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_recognized() {
        let german = "Das ist ein ganz gewöhnlicher Satz, der auf Deutsch geschrieben wurde.";
        assert!(is_in_language(german, "de") && !is_in_language(german, "fr"));
        assert!(is_language("sw") == language("sw").is_some());
    }

    #[test]
    fn an_unreliable_guess_does_not_count_against_a_short_text() {
        for text in ["Our store opens at nine.", "We repair bicycles.", "Water boils at 100 degrees.", "No."] {
            assert!(may_be_in_language(text, "en"), "{text}");
        }
        let german = "Das ist ein ganz gewöhnlicher Satz, der auf Deutsch geschrieben wurde.";
        assert!(may_be_in_language(german, "de") && !may_be_in_language(german, "en"));
    }
}
