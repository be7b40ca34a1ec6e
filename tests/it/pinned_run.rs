//! A run whose decisions were worked out by hand.

use crate::support::Task;
use gepard::event::{Decision, Event, Lifecycle};
use gepard::hooks::Hooks;
use gepard::program::PoolIndex;

/// Describes a decision in one line. None for decisions that the expected run leaves out, and for most life-cycle events.
fn line(event: &Event) -> Option<String> {
    let list = |items: &[PoolIndex]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    let texts = |texts: &[(String, String)]| texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" / ");
    let numbers = |ids: &[String]| ids.iter().map(|id| id.rsplit('-').next().unwrap()).collect::<Vec<_>>().join(" ");
    Some(match event {
        Event::Decision(Decision::Iteration { iteration, parents, minibatch }) => {
            format!("{iteration}: improve {} on {}", list(parents), numbers(minibatch))
        }
        Event::Decision(Decision::Perfect { parent, .. }) => format!("   {parent} is perfect"),
        Event::Decision(Decision::Reflecting { module, .. }) => format!("   reflect on {module}"),
        Event::Decision(Decision::Unusable { reason, .. }) => format!("   unusable: {reason}"),
        Event::Decision(Decision::Proposed { instructions, .. }) => format!("   propose {}", texts(instructions)),
        Event::Decision(Decision::Rejected { parent_sum, child_sum, .. }) => format!("   reject {parent_sum} -> {child_sum}"),
        Event::Decision(Decision::Passed { parent_sum, child_sum, .. }) => format!("   pass {parent_sum} -> {child_sum}"),
        Event::Decision(Decision::Merging { iteration, parents, ancestor, instructions, examples, .. }) => {
            let examples = numbers(examples);
            format!("{iteration}: merge {} over {ancestor}: {} on {examples}", list(parents), texts(instructions))
        }
        Event::Decision(Decision::NothingToMerge { iteration }) => format!("{iteration}: nothing to merge"),
        Event::Decision(Decision::MergeRejected { parent_sums, child_sum, .. }) => {
            format!("   reject {parent_sums:?} -> {child_sum}")
        }
        Event::Decision(Decision::Accepted { candidate, parents, mean, spent, .. }) => {
            format!("   accept {candidate} from [{}]: {mean:.3}, {spent} spent", list(parents))
        }
        Event::Decision(Decision::Idle { in_a_row, of, .. }) => format!("   idle {in_a_row}/{of}"),
        Event::Lifecycle(Lifecycle::Stopped { reason }) => format!("stop: {reason}"),
        _ => return None,
    })
}

/// The random draws are those of the seed; everything else follows by hand. Items 1, 3, 5, 7, 9, 11 and 0 are red,
/// 0, 1, 2, 3, 4, 7 and 8 are large, and so from 100 on for validation. A right field counts a half.
///
/// - Spent: 12 for the seed. Iteration 1: 3 + 3 + 12. 2: the same. 3: a merge's gate, 5. 4 and 5: a parent on 3.
///   6: the rollouts of candidate 1 on items 3 and 8 are reused, so 1 + 3 + 12. 7: 5, and 7 more of the validation. 8: 18.
///   9: 3. 10: 6. That makes 114 of 130, and an iteration may need 18.
/// - A reflector whose answer is unusable is asked once more.
/// - Round robin over modules: candidate 1 is created when the next module of candidate 0 is size, candidate 2 when it is colour
///   again. Candidate 4 continues where the further of its parents 2 and 3 was, at size; candidate 5 continues at colour.
/// - Merges: after iterations 1 and 5, the Pareto fronts hold only a parent and its child, which are not merged. In iteration 3,
///   one parent is better on the red and small examples (111, 109), the other on the blue and large ones (108, 104). There the
///   merged candidate scores a half where the better parent scores 1, and on the blue and small 106 it scores 0.
const RUN: &str = "   accept 0 from []: 0.417, 12 spent
1: improve 0 on 8 1 3
   reflect on colour
   propose RED
   pass 0.5 -> 1
   accept 1 from [0]: 0.500, 30 spent
2: nothing to merge
2: improve 0 on 4 5 2
   reflect on size
   propose LARGE
   pass 1.5 -> 2
   accept 2 from [0]: 0.500, 48 spent
3: merge 1+2 over 0: RED / LARGE on 111 109 108 104 106
   reject [2.5, 2.5] -> 2
4: improve 1 on 7 6 11
   reflect on size
   unusable: repeated
   reflect on size
   unusable: repeated
5: improve 2 on 10 9 0
   reflect on colour
   unusable: repeated
   reflect on colour
   unusable: repeated
6: improve 1 on 2 3 8
   reflect on colour
   propose BOTH
   pass 0.5 -> 1.5
   accept 3 from [1]: 0.708, 75 spent
7: merge 2+3 over 0: BOTH / LARGE on 104 108 109 110 103
   accept 4 from [2+3]: 0.792, 87 spent
8: improve 4 on 11 6 5
   reflect on size
   propose Say anything.
   pass 1.5 -> 3
   accept 5 from [4]: 0.708, 105 spent
9: nothing to merge
9: improve 4 on 1 4 0
   4 is perfect
10: improve 5 on 9 7 10
   reflect on colour
   propose RED
   reject 2.5 -> 2
stop: the budget does not hold another iteration";

#[test]
fn ten_iterations_are_as_worked_out_by_hand() {
    let junk = r#"{"contains": ["Write a better instruction", "must write `size`", "LARGE"], "text": "Say anything."}"#;
    let task = Task::of_two_modules(&[junk]);
    let plan = task.plan(&["optimize.seed=344", "optimize.budget=130", "optimize.module_selection=round-robin"]);
    let mut lines = Vec::new();
    let mut on_event = |event: &Event| lines.extend(line(event));
    let summary = gepard::run::optimize(&plan, &task.path("run"), &mut Hooks::listening(&mut on_event)).unwrap();
    assert_eq!(lines, RUN.lines().collect::<Vec<_>>());
    assert_eq!((summary.rollouts, summary.merges, summary.merges_rejected), (114, 1, 1));
    let runner_up = summary.runner_up.unwrap();
    // Candidates 3 and 5 have the same mean; 5 has a word less.
    assert_eq!((summary.best_candidate, runner_up.candidate, summary.test_rollouts), (PoolIndex(4), PoolIndex(5), 24));
}
