//! Contenders that take turns, and their medians.

/// One contender: its name and what one round of it costs, in nanoseconds for each operation.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) round: Box<dyn Fn() -> f64>,
}

impl Contender {
    pub(crate) fn new(name: &'static str, round: impl Fn() -> f64 + 'static) -> Self {
        Self { name, round: Box::new(round) }
    }
}

/// Lets the contenders take turns, `A B C A B C`, and prints the median of each beside the first one's.
///
/// Taking turns spreads what the machine does meanwhile over all of them.
pub(crate) fn compare(workload: &str, rounds: usize, contenders: &[Contender]) {
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, taken) in contenders.iter().zip(&mut taken) {
            taken.push((contender.round)());
        }
    }
    let medians: Vec<f64> = taken.iter_mut().map(|rounds| median(rounds)).collect();
    println!("\n{workload}");
    for (contender, cost) in contenders.iter().zip(&medians) {
        let ratio = cost / medians[0];
        println!("  {:<34} {cost:>9.1} ns/op  {ratio:>6.2} x", contender.name);
    }
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
