//! Why a proposal has no text that could be tried.

text_enum! {
    /// The reason why a proposal has no text that could be tried.
    Unusable {
        /// The reflector was not asked, because no example fits its context.
        NoRoom = "no room for an example",
        /// The reflector was not asked, because no example has a right output.
        NoLabels = "no example with a right output",
        /// The engine refused the request.
        Refused = "refused",
        /// The answer is empty, or holds nothing but reasoning.
        Empty = "empty",
        /// The answer reached its most tokens, so that its end is missing.
        CutOff = "cut off",
        /// The answer is a JSON object or list instead of an instruction.
        NotAPrompt = "not a prompt",
        /// The answer quotes an input of a training example word for word.
        QuotesAnExample = "quotes an example",
        /// The answer names what a single training example is about.
        AboutAnExample = "about an example",
        /// The answer is in another language than the text that it should improve.
        OtherLanguage = "in another language",
        /// The text has more tokens than the plan allows an instruction and its demonstrations.
        TooLong = "too long",
        /// The text is the same as the one that it should improve.
        Unchanged = "unchanged",
        /// The candidate with this text was tried before.
        Repeated = "repeated",
    }
}

impl Unusable {
    /// Returns whether the reflector may give a usable answer when it is asked once more, with another random seed.
    #[must_use]
    pub fn is_worth_a_retry(self) -> bool {
        !matches!(self, Self::NoRoom | Self::NoLabels | Self::Refused)
    }
}
