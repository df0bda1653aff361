//! What is told of a turn, and of several.

use std::time::Duration;

/// What one contender did in one turn.
#[derive(Clone, Default)]
pub(crate) struct Turn {
    pub(crate) seconds: f64,
    /// How long each write of each caller took, in microseconds.
    pub(crate) latencies: Vec<Vec<u32>>,
    /// Answers of "busy" or "locked" that reached a caller.
    pub(crate) refused: u64,
}

/// A turn in figures.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// Writes of the slowest caller to those of the fastest.
    pub(crate) fairness: f64,
    pub(crate) refused: u64,
}

impl Turn {
    pub(crate) fn figures(&self) -> Figures {
        let mut all: Vec<u32> = self.latencies.iter().flatten().copied().collect();
        all.sort_unstable();
        let at = |percent: usize| {
            all.get(all.len().saturating_sub(1) * percent / 100)
                .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        let counts = || self.latencies.iter().map(Vec::len);
        let (slowest, fastest) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        Figures {
            per_second: all.len() as f64 / self.seconds,
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
            fairness: if fastest == 0 { 0.0 } else { slowest as f64 / fastest as f64 },
            refused: self.refused,
        }
    }
}

/// The median of every figure by itself; refusals are added up.
pub(crate) fn medians(rounds: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
    Figures {
        per_second: of(|round| round.per_second),
        p50_ms: of(|round| round.p50_ms),
        p99_ms: of(|round| round.p99_ms),
        max_ms: of(|round| round.max_ms),
        fairness: of(|round| round.fairness),
        refused: rounds.iter().map(|round| round.refused).sum(),
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn micros(elapsed: Duration) -> u32 {
    u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX)
}

pub(crate) fn head(title: &str) {
    println!("\n{title}");
    println!(
        "  {:<30} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>5}",
        "", "writes/s", "ratio", "p50 ms", "p99 ms", "max ms", "fairness", "busy"
    );
}

/// One line; the ratio is to the writes of `beside`.
pub(crate) fn line(name: &str, figures: &Figures, beside: &Figures) {
    let Figures { per_second, p50_ms, p99_ms, max_ms, fairness, refused } = figures;
    let ratio = per_second / beside.per_second;
    println!(
        "  {name:<30} {per_second:>9.0} {ratio:>7.2} {p50_ms:>8.2} {p99_ms:>8.2} {max_ms:>8.1} {fairness:>8.2} {refused:>5}"
    );
}
