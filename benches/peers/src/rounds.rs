//! What many rounds say.

#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// The median, and the first and the last decile.
    pub fn of(times: &mut [f64]) -> Option<Self> {
        if times.is_empty() {
            return None;
        }
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times[(times.len() - 1) * part / 10];
        Some(Self {
            median: at(5),
            low: at(1),
            high: at(9),
        })
    }
}

/// Of at least one.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) / 2]
}
