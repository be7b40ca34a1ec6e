//! Measures the selection of a candidate in a large pool. It happens once in each iteration, and must take no noticeable time.

#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use gepard::config::{OptimizePlan, Preset};
use gepard::evaluate::Scores;
use gepard::optimize::Member;
use gepard::optimize::methods::gepa::{pareto, select};
use gepard::program::{Candidate, PoolIndex};
use gepard::randomness::stream;
use rand::RngExt;
use std::collections::BTreeMap;

const CANDIDATES: usize = 5000;
const EXAMPLES: usize = 1000;

/// A pool whose scores have `levels` different values. With 2, half of the pool is on every front.
fn pool(levels: u32) -> Vec<Member> {
    let mut random = stream(0, "bench", u64::from(levels));
    let mut score = || f64::from(random.random_range(0..levels)) / f64::from(levels - 1);
    let member = |index: usize| Member {
        candidate: Candidate::new(["x"]),
        parents: index.checked_sub(1).map(PoolIndex).into_iter().collect(),
        scores: Scores::from_list((0..EXAMPLES).map(|_| Some(score()))),
        objectives: BTreeMap::new(),
        validated: EXAMPLES,
        complete: true,
        prompt_tokens: 1,
        spent: 0,
    };
    (0..CANDIDATES).map(member).collect()
}

fn selection(criterion: &mut Criterion) {
    for (name, levels) in [("right or wrong", 2), ("thirds", 4), ("thousandths", 1001)] {
        let (members, plan) = (pool(levels), OptimizePlan::from_preset(Preset::Paper));
        criterion.bench_function(&format!("select of {CANDIDATES} candidates on {EXAMPLES} examples, {name}"), |bench| {
            bench.iter(|| {
                let weights = select::weights(&plan, &members);
                pareto::draw(&weights, &mut stream(0, "parent", 1))
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = selection
}
criterion_main!(benches);
