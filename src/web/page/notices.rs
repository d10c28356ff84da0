//! Banners: what a person should know before believing the rest of the page.

use maud::{Markup, html};

use super::words;
use crate::domain::Timestamp;
use crate::web::views::{Degraded, Overview};

/// Every banner that is due; an empty part if all is well.
pub(super) fn draw(overview: &Overview, now: Timestamp) -> Markup {
    html! {
        div #notices data-part="" {
            @for reason in &overview.degraded { (degraded(reason, now)) }
            @if !overview.reload.successful {
                p.notice role="alert" {
                    strong { "The configuration on disk is not what runs." }
                    " It was refused " (words::moment(overview.reload.at, now))
                    @if let Some(problem) = &overview.reload.problem { ": " (words::strange(problem)) }
                }
            }
            @if let Some(at) = exhausted(overview) {
                p.notice { "At this pace the month's credits are used up " (words::moment(at, now)) "." }
            }
        }
    }
}

fn degraded(reason: &Degraded, now: Timestamp) -> Markup {
    html! {
        p.notice role="alert" {
            strong { (meaning(&reason.reason)) }
            " For " (words::since(reason.since, now))
            @if let Some(detail) = &reason.detail { ": " (words::strange(detail)) }
        }
    }
}

fn meaning(reason: &str) -> &str {
    match reason {
        "source_failing" => "The API gives no usable answers: what is shown may be old.",
        "key_refused" => "The API refuses the key: nobody is being watched.",
        "credits_exhausted" => "No credits are left: nobody is being watched.",
        "mass_flip" => "Many creators changed at once: changes wait for a second look.",
        "falling_behind" => "Polls start late: the request rate does not carry the watchlist.",
        other => other,
    }
}

/// When the credits end, if before the renewal and not yet.
fn exhausted(overview: &Overview) -> Option<Timestamp> {
    let budget = overview.credits.budget?;
    budget.exhausted_at.filter(|_| budget.remaining > 0)
}
