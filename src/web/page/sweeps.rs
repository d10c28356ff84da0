//! The part of the overview about sweeps: what flags are worth, cost and bring.

use maud::{Markup, html};

use super::words;
use crate::domain::Timestamp;
use crate::web::views::Sweeps;

pub(super) fn draw(sweeps: &Sweeps, now: Timestamp) -> Markup {
    let share = |value: f32| words::percent(f64::from(value));
    html! {
        @if sweeps.hidden {
            p { strong { "The following list of @" (sweeps.account) " cannot be seen: private, or no such account." } }
        }
        p {
            "Flags of @" (sweeps.account) " show " strong { (share(sweeps.recall)) } " of streams (± " (share(sweeps.uncertainty)) ")"
            @if sweeps.on_trial { ", on trial" }
            "; " (share(sweeps.false_flags)) " are wrong, and they come " (words::span(words::seconds(sweeps.lag_seconds))) " late."
        }
        p {
            (words::grouped(sweeps.credits)) " credits found " (words::grouped(sweeps.found)) " streams, "
            (format!("{:.0}", sweeps.minutes_saved)) " minutes sooner than polls."
            @if let Some(at) = sweeps.last_at { " The last page was read " (words::moment(at, now)) "." }
        }
        @if let Some(all) = sweeps.missing_in_all {
            @if all == 0 { p.small { "The account follows everybody on the watchlist." } }
            @else {
                p.small {
                    "Not followed yet, and thirty times cheaper if they were: "
                    @for (place, name) in sweeps.missing.iter().enumerate() {
                        @if place > 0 { ", " }
                        (words::creator(name))
                    }
                    @if all > sweeps.missing.len() { " and " (all - sweeps.missing.len()) " more" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flags_are_worth_and_who_is_not_followed_is_shown() {
        let sweeps = Sweeps {
            account: "watcher".parse().unwrap(),
            pages: 2,
            recall: 0.934,
            uncertainty: 0.04,
            on_trial: true,
            false_flags: 0.001,
            lag_seconds: 90.0,
            credits: 1_234,
            found: 17,
            minutes_saved: 512.4,
            missing: vec!["ann.one".parse().unwrap()],
            missing_in_all: Some(3),
            hidden: false,
            last_at: None,
        };
        let page = draw(&sweeps, Timestamp::default()).into_string();
        for part in [
            "@watcher",
            "93",
            "on trial",
            "17",
            "512",
            "/creators/ann.one",
            "and 2 more",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let hidden = Sweeps {
            hidden: true,
            missing_in_all: Some(0),
            missing: Vec::new(),
            ..sweeps
        };
        let page = draw(&hidden, Timestamp::default()).into_string();
        assert!(page.contains("cannot be seen") && page.contains("follows everybody"));
    }
}
