//! Sweeps in `status`: what flags are worth, what they cost and found, who is not followed.

use std::time::Duration;

use super::span;
use crate::cli::figures::{grouped, percent};
use crate::cli::table::{Align, aligned};
use crate::domain::Timestamp;
use crate::web::views::Sweeps;

pub(super) fn shown(sweeps: &Sweeps, now: Timestamp) -> String {
    let share = |value: f32| percent(f64::from(value));
    let trial = if sweeps.on_trial { ", on trial" } else { "" };
    let lag = Duration::try_from_secs_f32(sweeps.lag_seconds).unwrap_or_default();
    let account = if sweeps.hidden {
        format!("@{}: its list cannot be seen", sweeps.account)
    } else {
        format!("@{}", sweeps.account)
    };
    let mut rows = vec![
        ["account".to_owned(), account],
        [
            "flags".to_owned(),
            format!(
                "show {} of streams (+-{}{trial}), {} wrong, {} late",
                share(sweeps.recall),
                share(sweeps.uncertainty),
                share(sweeps.false_flags),
                span(lag)
            ),
        ],
        [
            "brought".to_owned(),
            format!(
                "{} streams for {} credits, {:.0} minutes sooner",
                grouped(sweeps.found as f64),
                grouped(sweeps.credits as f64),
                sweeps.minutes_saved
            ),
        ],
    ];
    if let Some(at) = sweeps.last_at {
        rows.push(["last".to_owned(), format!("{} ago", span(now.since(at)))]);
    }
    if let Some(all) = sweeps.missing_in_all.filter(|all| *all > 0) {
        let named: Vec<_> = sweeps
            .missing
            .iter()
            .map(|name| format!("@{name}"))
            .collect();
        let more = match all - named.len().min(all) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = named.join(", ");
        rows.push(["not followed".to_owned(), format!("{named}{more}")]);
    }
    aligned([Align::Left, Align::Left], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_view_of_sweeps() {
        let sweeps = Sweeps {
            account: "watcher".parse().unwrap(),
            pages: 2,
            recall: 0.93,
            uncertainty: 0.04,
            on_trial: false,
            false_flags: 0.001,
            lag_seconds: 90.0,
            credits: 1_234,
            found: 17,
            minutes_saved: 512.4,
            missing: vec!["ann".parse().unwrap(), "bob".parse().unwrap()],
            missing_in_all: Some(3),
            hidden: false,
            last_at: Some(Timestamp::default()),
        };
        let text = shown(&sweeps, Timestamp::default().plus(Duration::from_secs(60)));
        assert!(text.contains("show 93 % of streams (+-4.0 %)"), "{text}");
        assert!(
            text.contains("17 streams for 1,234 credits, 512 minutes sooner"),
            "{text}"
        );
        assert!(text.contains("@ann, @bob and 1 more"), "{text}");
        assert!(
            text.contains("60s ago") || text.contains("1m ago"),
            "{text}"
        );
    }
}
