//! Figures as people read them: grouped numbers, rounded durations, percentages.

use std::time::Duration;

use crate::config::display_duration;
use crate::domain::text;

/// `1 creator`, `12 creators`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as f64))
}

/// A whole number with commas between thousands.
pub(super) fn grouped(number: f64) -> String {
    text::grouped(&format!("{number:.0}"), ',')
}

/// A duration to two units or so: nobody forecasts the seconds of an hour.
pub(super) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let step = match seconds {
        s if s >= 86_400.0 => 3_600.0,
        s if s >= 600.0 => 60.0,
        s if s < 0.95 => return "<1s".to_owned(),
        _ => 1.0,
    };
    display_duration(Duration::from_secs_f64((seconds / step).round() * step))
}

/// The same of seconds.
pub(super) fn rough_seconds(seconds: f64) -> String {
    rough(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// A share as a percentage, with a decimal where it is small.
pub(super) fn percent(share: f64) -> String {
    let digits = usize::from(share > 0.0005 && share < 0.0995);
    format!("{:.digits$} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0.0), "0");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(12_345_678.0), "12,345,678");
    }

    #[test]
    fn durations_are_rounded_to_what_matters() {
        let rough = |seconds| rough(Duration::from_secs_f64(seconds));
        assert_eq!((rough(0.005).as_str(), rough(5.76).as_str()), ("<1s", "6s"));
        assert_eq!(rough(89.6), "1m30s");
        assert_eq!(rough(2_592.0), "43m");
        assert_eq!(rough(93_784.0), "1d2h");
    }

    #[test]
    fn shares_have_the_digits_that_matter() {
        let shown = [0.0, 0.0123, 0.5, 1.0].map(percent);
        assert_eq!(shown, ["0 %", "1.2 %", "50 %", "100 %"]);
    }
}
