//! Figures of one measurement, and medians over rounds.

use std::time::Duration;

/// What one measurement found. Times in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) rps: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Processor time of the server, user and system, per request.
    pub(crate) cpu: f64,
}

impl Figures {
    /// Of latencies in microseconds, each of so many requests, over some time.
    pub(crate) fn of(mut latencies: Vec<u32>, took: Duration, cpu: Duration, each: usize) -> Self {
        latencies.sort_unstable();
        let requests = (latencies.len() * each) as f64;
        Self {
            rps: requests / took.as_secs_f64(),
            p50: percentile(&latencies, 0.5),
            p99: percentile(&latencies, 0.99),
            p999: percentile(&latencies, 0.999),
            cpu: cpu.as_secs_f64() * 1e6 / requests,
        }
    }
}

/// The table's head.
pub(crate) const HEADER: &str = "\
| what | rps | min-max | p50 ms | p99 ms | p99.9 ms | CPU us/request | rps ratio (min-max) | CPU ratio (min-max) |
|---|---|---|---|---|---|---|---|---|";

/// The median of each figure, over rounds.
pub(crate) struct Median {
    pub(crate) rps: f64,
    pub(crate) p50: f64,
    p99: f64,
    p999: f64,
    pub(crate) cpu: f64,
    least: f64,
    most: f64,
}

/// Ratios to another row of the same rounds.
pub(crate) struct Ratios {
    rps: String,
    cpu: String,
}

impl Median {
    pub(crate) fn of(rounds: &[Figures]) -> Self {
        let each = |figure: fn(&Figures) -> f64| spread(rounds.iter().map(figure).collect());
        let (least, rps, most) = each(|figures| figures.rps);
        let middle = |figure| each(figure).1;
        Self {
            rps,
            p50: middle(|figures| figures.p50),
            p99: middle(|figures| figures.p99),
            p999: middle(|figures| figures.p999),
            cpu: middle(|figures| figures.cpu),
            least,
            most,
        }
    }

    /// What each round is to the same round of `bare`, then the median of that.
    pub(crate) fn ratios(rounds: &[Figures], bare: &[Figures]) -> Ratios {
        let each = |figure: fn(&Figures) -> f64| {
            let (least, middle, most) =
                spread(rounds.iter().zip(bare).map(|(ours, bare)| figure(ours) / figure(bare)).collect());
            format!("{middle:.2} ({least:.2}-{most:.2})")
        };
        Ratios { rps: each(|figures| figures.rps), cpu: each(|figures| figures.cpu) }
    }

    pub(crate) fn row(&self, name: &str, ratios: &Ratios) -> String {
        let Self { rps, least, most, cpu, .. } = self;
        let [p50, p99, p999] = [self.p50, self.p99, self.p999].map(|microseconds| microseconds / 1000.0);
        let Ratios { rps: rps_ratio, cpu: cpu_ratio } = ratios;
        format!(
            "| {name} | {rps:.0} | {least:.0}-{most:.0} | {p50:.3} | {p99:.3} | {p999:.3} | {cpu:.1} | {rps_ratio} | {cpu_ratio} |"
        )
    }
}

/// The least, the median and the most; not a number where there is none.
fn spread(mut all: Vec<f64>) -> (f64, f64, f64) {
    all.sort_by(f64::total_cmp);
    let at = |position: usize| all.get(position).copied().unwrap_or(f64::NAN);
    (at(0), at(all.len() / 2), at(all.len().saturating_sub(1)))
}

/// The value that this share of the sorted values does not exceed.
pub(crate) fn percentile(sorted: &[u32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = (last as f64 * share).round() as usize;
    sorted.get(position).copied().map_or(f64::NAN, f64::from)
}

#[cfg(test)]
mod tests {
    use super::{percentile, spread};

    #[test]
    fn the_median_does_not_hear_one_bad_round() {
        assert_eq!(spread(vec![3.0, 900.0, 1.0]), (1.0, 3.0, 900.0));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let sorted: Vec<u32> = (0..=100).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&sorted, share)), [50.0, 99.0, 100.0]);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
