//! How many decisions a second are ruled on by one core, for facts that are at hand: `cargo bench --bench rulings`.
//!
//! To reach: 10,000 a second.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement looks at the clock and prints")]

use std::{hint::black_box, time::Instant};

use autonomy::{
    host::template,
    model::{
        authority::{case::Case, policy::Policy},
        decision::{ChangeKind, Risk},
    },
};

/// How often every case is ruled on in one round.
const TIMES: u32 = 500;

fn main() {
    let own = "version: 1\npreset: autonomous\n";
    let policy = Policy::read(Some(own), |preset| template::shipped(preset.template()).expect("shipped")).expect("well-formed");
    let cases: Vec<Case> = ChangeKind::ALL
        .into_iter()
        .flat_map(|kind| {
            [Risk::Low, Risk::High].map(|risk| Case { kind: Some(kind), risk, cost: 120.0, breaking: true, ..Case::default() })
        })
        .collect();
    let count = u32::try_from(cases.len()).expect("few");
    let mut rates: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..TIMES {
                for case in &cases {
                    black_box(policy.judge(black_box(case), None));
                }
            }
            f64::from(TIMES * count) / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "rulings a second, one core, {} rules: median {:.0} (min {:.0}, max {:.0}); to reach: 10,000",
        policy.rules.len(),
        rates[4],
        rates[0],
        rates[8]
    );
}
