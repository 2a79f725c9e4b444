//! Medians and paired ratios: the arithmetic of the report.

/// A difference below this share of the smaller figure is called a tie: runs on a shared machine vary that much.
pub const TIE_BELOW: f64 = 0.10;

/// The middle of several figures with its extremes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Median; the mean of the two middle figures if their count is even.
    pub median: f64,
    /// Smallest figure.
    pub min: f64,
    /// Largest figure.
    pub max: f64,
}

impl Spread {
    /// The spread of `figures`, in any order; `None` if there is none or one is not a number.
    pub fn of(figures: &[f64]) -> Option<Self> {
        if figures.iter().any(|figure| figure.is_nan()) {
            return None;
        }
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let median =
            if sorted.len() % 2 == 1 { upper } else { f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper) };
        Some(Self { median, min, max })
    }
}

/// `numerator ÷ denominator` for every round that has both; figures are `(round, value)`.
///
/// Pairing by round cancels what the machine did to that round as a whole. A zero denominator drops its round.
pub fn paired_ratios(numerator: &[(u32, f64)], denominator: &[(u32, f64)]) -> Vec<f64> {
    let of_round = |round: u32| denominator.iter().find(|(other, value)| *other == round && *value > 0.0);
    numerator.iter().filter_map(|(round, value)| of_round(*round).map(|(_, below)| value / below)).collect()
}

/// Whether a ratio stands for less than [`TIE_BELOW`] of difference, whichever of the two is the larger.
pub fn is_tie(ratio: f64) -> bool {
    ratio > 0.0 && ratio.max(1.0 / ratio) - 1.0 < TIE_BELOW
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench run stay far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Spread, is_tie, paired_ratios};

    #[test]
    fn median_is_the_middle_of_sorted_figures() {
        let check = |figures: &[f64], expected: Option<(f64, f64, f64)>| {
            let spread = Spread::of(figures).map(|s| (s.median, s.min, s.max));
            assert_eq!(spread, expected, "{figures:?}");
        };
        check(&[], None);
        check(&[7.0], Some((7.0, 7.0, 7.0)));
        check(&[3.0, 1.0, 2.0], Some((2.0, 1.0, 3.0)));
        check(&[4.0, 1.0, 3.0, 2.0], Some((2.5, 1.0, 4.0)));
        check(&[10.0, 9.0, 100.0], Some((10.0, 9.0, 100.0)));
        check(&[1.0, f64::NAN], None);
    }

    #[test]
    fn ratios_pair_only_rounds_that_have_both() {
        let check = |above: &[(u32, f64)], below: &[(u32, f64)], expected: &[f64]| {
            assert_eq!(paired_ratios(above, below), expected);
        };
        check(&[(1, 10.0), (2, 30.0)], &[(2, 10.0), (1, 20.0)], &[0.5, 3.0]);
        check(&[(1, 10.0), (2, 30.0)], &[(1, 20.0)], &[0.5]);
        check(&[(1, 10.0)], &[(2, 20.0)], &[]);
        check(&[(1, 10.0)], &[(1, 0.0)], &[]);
    }

    #[test]
    fn a_tie_is_under_ten_percent_in_either_direction() {
        let check = |ratio: f64, tie: bool| assert_eq!(is_tie(ratio), tie, "{ratio}");
        check(1.0, true);
        check(1.09, true);
        check(1.11, false);
        check(1.0 / 1.09, true);
        check(1.0 / 1.11, false);
        check(0.0, false);
    }
}
