//! Lists of words that the kinds of IFBench ask for or count. In each list, a blank stands between two words.

/// Returns whether a word is in a list.
pub(super) fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// The coordinating conjunctions.
pub(super) const CONJUNCTIONS: &str = "\
    and but for nor or so yet";

/// The names of persons that `count:person_names` counts.
pub(super) const NAMES: &str = "\
    Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin Harper Leo \
    Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan Victoria Elijah Layla \
    Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph Claire Ryan Stella Jonathan";

/// The pronouns that `count:pronouns` counts.
pub(super) const PRONOUNS: &str = "\
    i me we us you he him she her it they them my mine our ours your yours his hers its their theirs myself ourselves \
    yourself yourselves himself herself itself themselves this that these those who whom whose which what whoever whomever \
    whatever whichever anybody anyone anything everybody everyone everything nobody nothing somebody someone something each \
    either neither both all some any none";

/// The English stop words of `ratio:stop_words`: words of grammar, and what is left of contractions when they
/// are cut at the apostrophe.
pub(super) const STOP_WORDS: &str = "\
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its \
    itself they them their theirs themselves what which who whom this that these those am is are was were be been being have \
    has had having do does did doing a an the and but if or because as until while of at by for with about against between \
    into through during before after above below to from up down in out on off over under again further then once here there \
    when where why how all any both each few more most other some such no nor not only own same so than too very s t can \
    will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan \
    shouldn wasn weren won wouldn";

/// Words that begin a sentence where they have a capital letter after an abbreviation or an ellipsis.
pub(super) const SENTENCE_STARTERS: &str = "\
    above according although among between both but despite does even finally he her here him however i if in indeed instead \
    into it many meanwhile moreover most nevertheless nonetheless nor nothing please same separately similarly since so some \
    someone still such the them there therefore these they this though through thus under unless very were when which while \
    yet your";

/// The capitals of Europe north of 45 degrees, from north to south, as `custom:european_capitals_sort` wants them.
pub(super) const CAPITALS: &str = "\
    Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw London \
    Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb";
