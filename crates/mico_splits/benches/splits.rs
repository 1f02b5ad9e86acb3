//! The permutation of Purchase-100's pool, the largest of MICO's, and a whole split of it.
//!
//! One thread. The permutation is to take 2 ms or less.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mico_splits::{Seeds, Sizes, draw, randperm};

fn splits(criterion: &mut Criterion) {
    let seeds =
        Seeds { challenge: 7503235860106429109, training: 3881111955461512822, membership: 7445162241462769994 };
    criterion.bench_function("randperm_197324", |bencher| {
        bencher.iter(|| randperm(black_box(197_324), black_box(seeds.challenge)));
    });
    criterion.bench_function("draw_purchase100", |bencher| {
        bencher.iter(|| draw(black_box(seeds), black_box(Sizes::PURCHASE100)).expect("sizes that fit"));
    });
}

criterion_group!(benches, splits);
criterion_main!(benches);
