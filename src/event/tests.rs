use proptest::prelude::*;

use super::*;
use crate::config::Operator;
use crate::data::split::Split;
use crate::program::PoolIndex;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}|[\\x00-\\x1f\u{80}-\u{9f}]{0,5}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..3)
}

/// Returns pairs of a module's name and a value.
fn by_module<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(String, T)>> {
    prop::collection::vec((text(), value), 0..3)
}

fn index() -> impl Strategy<Value = usize> {
    0..1000_usize
}

fn pool_index() -> impl Strategy<Value = PoolIndex> {
    index().prop_map(PoolIndex)
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(1.0 / 3.0), -1e3..1e3]
}

fn origin() -> impl Strategy<Value = Origin> {
    let operators = Operator::ALL.into_iter().chain([Operator::Paper]).map(Origin::from);
    prop::sample::select(operators.chain(MethodStep::ALL.iter().copied().map(Origin::from)).collect::<Vec<_>>())
}

/// Returns a strategy for each variant of [`Decision`].
fn decisions() -> Vec<BoxedStrategy<Decision>> {
    let split = || prop::sample::select(vec![Split::Train, Split::Val, Split::Test]);
    let n = any::<u64>;
    vec![
        (n(), text(), index()).prop_map(|(iteration, module, of)| Decision::Turn { iteration, module, of }).boxed(),
        (n(), prop::collection::vec(pool_index(), 0..3), texts())
            .prop_map(|(iteration, parents, minibatch)| Decision::Iteration { iteration, parents, minibatch })
            .boxed(),
        (n(), pool_index()).prop_map(|(iteration, parent)| Decision::Perfect { iteration, parent }).boxed(),
        (n(), pool_index(), text(), text(), index(), index())
            .prop_map(|(iteration, parent, module, reflector, questions, left_out)| Decision::Diagnosing {
                iteration,
                parent,
                module,
                reflector,
                questions,
                left_out,
            })
            .boxed(),
        (n(), pool_index(), text(), texts())
            .prop_map(|(iteration, parent, module, sentences)| Decision::Diagnosed { iteration, parent, module, sentences })
            .boxed(),
        ((n(), index(), pool_index(), text(), origin()), (text(), index(), index(), index(), any::<bool>()))
            .prop_map(|((iteration, proposal, parent, module, operator), (reflector, questions, examples, left_out, again))| {
                Decision::Reflecting {
                    iteration,
                    proposal,
                    parent,
                    module,
                    operator,
                    reflector,
                    questions,
                    examples,
                    left_out,
                    again,
                }
            })
            .boxed(),
        (n(), index(), text(), origin(), prop::sample::select(super::Unusable::ALL), text())
            .prop_map(|(iteration, proposal, module, operator, reason, text)| Decision::Unusable {
                iteration,
                proposal,
                module,
                operator,
                reason,
                text,
            })
            .boxed(),
        ((n(), index(), pool_index()), by_module(origin()), by_module(text()), by_module(texts()), text())
            .prop_map(|((iteration, proposal, parent), operators, instructions, demonstrations, key)| Decision::Proposed {
                iteration,
                proposal,
                parent,
                operators,
                instructions,
                demonstrations,
                key,
            })
            .boxed(),
        (n(), index(), split(), index(), score())
            .prop_map(|(iteration, proposal, split, examples, mean)| Decision::Tried {
                iteration,
                proposal,
                split,
                examples,
                mean,
            })
            .boxed(),
        (n(), score(), index(), index())
            .prop_map(|(trial, mean, solved, of)| Decision::Attempted { trial, mean, solved, of })
            .boxed(),
        (n(), index(), score(), score(), index())
            .prop_map(|(iteration, proposal, parent_sum, child_sum, run)| Decision::Rejected {
                iteration,
                proposal,
                parent_sum,
                child_sum,
                run,
            })
            .boxed(),
        (n(), index(), score(), score())
            .prop_map(|(iteration, proposal, parent_sum, child_sum)| Decision::Passed {
                iteration,
                proposal,
                parent_sum,
                child_sum,
            })
            .boxed(),
        (n(), index()).prop_map(|(iteration, proposal)| Decision::PassedOver { iteration, proposal }).boxed(),
        ((n(), pool_index(), pool_index(), pool_index()), by_module(text()), texts(), text())
            .prop_map(|((iteration, first, second, ancestor), instructions, examples, key)| Decision::Merging {
                iteration,
                parents: [first, second],
                ancestor,
                instructions,
                examples,
                key,
            })
            .boxed(),
        n().prop_map(|iteration| Decision::NothingToMerge { iteration }).boxed(),
        (n(), index(), score(), score())
            .prop_map(|(iteration, proposal, parent, child)| Decision::TieBroken { iteration, proposal, parent, child })
            .boxed(),
        (n(), index(), index(), prop::collection::vec((score(), index()), 0..4))
            .prop_map(|(iteration, proposal, best, texts)| {
                let (log_probabilities, examples) = texts.into_iter().unzip();
                Decision::Screened { iteration, proposal, best, log_probabilities, examples }
            })
            .boxed(),
        (n(), score(), score(), score())
            .prop_map(|(iteration, first, second, child_sum)| Decision::MergeRejected {
                iteration,
                parent_sums: [first, second],
                child_sum,
            })
            .boxed(),
        (
            (n(), pool_index(), index(), index(), score()),
            prop::sample::select(vec![Behind::Best, Behind::Another, Behind::NothingRight, Behind::Budget]),
        )
            .prop_map(|((iteration, candidate, validated, of, lead), behind)| Decision::ValidationGivenUp {
                iteration,
                candidate,
                validated,
                of,
                lead,
                behind,
            })
            .boxed(),
        (
            (n(), pool_index(), prop::collection::vec(pool_index(), 0..3), index(), by_module(text()), by_module(texts())),
            (index(), score(), prop::collection::vec(prop::option::of(score()), 0..4)),
            (prop::collection::btree_map(text(), score(), 0..3), any::<bool>(), n(), text()),
        )
            .prop_map(
                |(
                    (iteration, candidate, parents, proposal, instructions, demonstrations),
                    (prompt_tokens, mean, scores),
                    (objectives, complete, spent, key),
                )| Decision::Accepted {
                    iteration,
                    candidate,
                    parents,
                    proposal,
                    instructions,
                    demonstrations,
                    prompt_tokens,
                    mean,
                    scores,
                    objectives,
                    complete,
                    spent,
                    key,
                },
            )
            .boxed(),
        (n(), index(), index()).prop_map(|(iteration, in_a_row, of)| Decision::Idle { iteration, in_a_row, of }).boxed(),
    ]
}

/// Returns a strategy for decisions of every variant.
pub(crate) fn any_decision() -> impl Strategy<Value = Decision> {
    prop::strategy::Union::new(decisions())
}

/// The error of serde about an unknown variant lists all variants that there are.
#[test]
fn the_strategy_has_every_variant() {
    let error = serde_json::from_str::<Decision>(r#"{"event": "unheard_of"}"#).unwrap_err().to_string();
    let (unknown, known) = error.split_once(", expected one of ").unwrap();
    assert_eq!(unknown, "unknown variant `unheard_of`");
    assert_eq!(known.split(", ").count(), decisions().len(), "{known}");
}

#[test]
fn names_and_reasons_are_as_json_has_them() {
    let json = |value: &Origin| serde_json::to_value(value).unwrap();
    assert_eq!(json(&Operator::Paper.into()), "paper");
    assert_eq!(json(&MethodStep::FirstOrderHyper.into()), "first-order-hyper");
    for origin in Operator::ALL.into_iter().map(Origin::from).chain(MethodStep::ALL.iter().copied().map(Origin::from)) {
        assert_eq!(json(&origin), origin.name());
    }
    for reason in super::Unusable::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.text());
    }
    let error = serde_json::from_str::<Origin>("\"rewriting\"").unwrap_err().to_string();
    assert!(error.contains("the name of an operator or of an optimizer's step"), "{error}");
}

#[test]
fn a_life_cycle_event_is_read_back_too() {
    let caught_up = Event::from(Lifecycle::CaughtUp);
    assert_eq!(serde_json::to_string(&caught_up).unwrap(), r#"{"event":"caught_up"}"#);
    let evaluated =
        Event::from(Lifecycle::Evaluated { purpose: Purpose::MergeGate, mean: None, spent: 7, tokens: 900, elapsed: 0.5 });
    for event in [caught_up, evaluated] {
        assert_eq!(serde_json::from_str::<Event>(&serde_json::to_string(&event).unwrap()).unwrap(), event);
    }
}

proptest! {
    #[test]
    fn any_decision_is_read_back_as_it_was_written(decision in any_decision()) {
        let written = serde_json::to_string(&decision).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Decision>(&written).unwrap(), &decision);
        let event = Event::from(decision);
        prop_assert_eq!(&serde_json::to_string(&event).unwrap(), &written);
        prop_assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
    }
}
