//! Tells verbs from other words by a list, where the reference tags parts of speech.

use super::vocabulary::is_in;

/// Verbs that answers begin with, in their base form.
const BASES: &str = "\
    accept achieve act adapt add address adjust admit adopt aim align allow analyze announce answer appear apply appreciate \
    approach approve argue arrange arrive ask assess assign assist assume attach attempt attend avoid bake balance be bear \
    become begin believe bend bless boil book boost bring browse build burn buy calculate call carry catch cause celebrate \
    challenge change chase check choose circle clarify clean clear click climb close collect combine come communicate \
    compare complete compute conduct confirm connect consider consult contact contain continue contribute control convert \
    cook copy cover create cut dance deal decide declare define deliver demonstrate depend describe design destroy detect \
    determine develop discover discuss display divide do download draw dream drink drive drop eat edit embrace emphasize \
    empower enable encourage end engage enhance enjoy ensure enter establish estimate evaluate examine exclude execute exist \
    expand expect experience experiment explain explore express extend extract face fall feel fetch fight fill filter find \
    finish fit fix fly focus follow force forget form forgive gather generate get give go grab grow guess guide handle \
    happen have hear help hide highlight hold hope identify ignore imagine implement imply improve include incorporate \
    increase indicate inform insert inspect install integrate introduce invest investigate invite involve join jump keep \
    kick know laugh launch lead learn leave lend let lie lift limit listen live load locate look lose love maintain make \
    manage mark match mean measure meet mention merge mix modify monitor move multiply navigate need note notice observe \
    obtain offer open operate optimize order organize outline owe own paint participate pass pay perform pick picture place \
    plan plant play pour practice prepare present preserve press prevent print proceed process produce promote protect prove \
    provide pull purchase push put quote raise reach read realize receive recall recognize recommend record reduce refer \
    reflect refuse regard relate relax release rely remain remember remind remove repeat replace reply report represent \
    request require research reserve resolve respect respond rest restart restore return reveal review revise rewrite ride \
    rise roll run save say scan schedule search see seek seem select sell send separate serve set share shift shine shop \
    shout show simplify simulate sing sit skip sleep slice solve sort speak specify spend stand start state stay step stick \
    stir stop store strengthen strive study submit subtract succeed suggest support suppose surround swim switch take talk \
    taste teach tell tend test thank think throw touch track train transform translate travel treat try turn type understand \
    update upgrade use utilize validate verify view visit wait wake walk want warm wash watch wear weigh welcome win wish \
    wonder work worry write yield";

/// Forms of verbs that are not made by an ending.
const IRREGULAR: &str = "\
    am are is was were been being has had did does done went gone made came got took taken gave given said saw seen knew \
    known thought found told became began begun brought built bought chose chosen drew drawn drove driven ate eaten fell \
    fallen felt fought flew forgot forgotten grew grown heard held kept led left lent lost meant met paid ran rose sang sat \
    sold sent shook shone shot shown slept spoke spoken spent stood stuck swam taught threw thrown understood woke won wore \
    worn wrote written caught dealt dug hid hidden lay lain lit rode ridden rung sought slid spun swept sworn torn wept";

/// Returns whether a word, in lower case, is a verb of the list or a form of one. Modal verbs like `can` are not in the list, as
/// in the reference.
pub(super) fn is_verb(word: &str) -> bool {
    let is_base = |base: &str| is_in(BASES, base);
    if is_base(word) || is_in(IRREGULAR, word) {
        return true;
    }
    let doubled = |stem: &str| {
        let mut back = stem.chars().rev();
        let (last, before) = (back.next(), back.next());
        last.is_some() && last == before && is_base(&stem[..stem.len() - last.map_or(0, char::len_utf8)])
    };
    let ending = |ending: &str| {
        let Some(stem) = word.strip_suffix(ending) else { return false };
        is_base(stem) || (ending != "s" && (is_base(&format!("{stem}e")) || doubled(stem)))
    };
    let from_y = |ending: &str| word.strip_suffix(ending).is_some_and(|stem| is_base(&format!("{stem}y")));
    let from_ie = word.strip_suffix("ying").is_some_and(|stem| is_base(&format!("{stem}ie")));
    ["s", "es", "ed", "ing"].into_iter().any(ending) || from_y("ies") || from_y("ied") || from_ie
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_verbs_are_verbs() {
        for word in ["write", "writes", "writing", "wrote", "tried", "tries", "stopping", "used", "lying", "is", "goes"] {
            assert!(is_verb(word), "{word}");
        }
        for word in ["the", "can", "sure", "here", "s", "ing", "", "é", "yellow"] {
            assert!(!is_verb(word), "{word}");
        }
    }
}
