//! The watchlist, page by page, by state and by name.

use std::sync::Arc;

use axum::extract::{Query, State as Extract};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Failure, home, layout, part, username, words};
use crate::domain::Timestamp;
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::views::{Creator, CreatorPage, CreatorQuery, State};

/// Creators on one page.
const ROWS: usize = 100;
/// The longest text to search for.
const LONGEST_SEARCH: usize = 24;

/// What the address may say.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    after: Option<String>,
}

/// `GET /creators`
pub(super) async fn page(
    Extract(site): Extract<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Markup, Failure> {
    let page = site.monitor.creators(query(&wish)?).await?;
    Ok(draw(&wish, &page, site.clock.now()))
}

fn query(wish: &Wish) -> Result<CreatorQuery, Failure> {
    let state = match wish.state.as_str() {
        "" => None,
        "live" => Some(State::Live),
        "offline" => Some(State::Offline),
        "unknown" => Some(State::Unknown),
        _ => return Err(Problem::bad_request("`state` is live, offline or unknown").into()),
    };
    let search: String = wish.q.trim().chars().take(LONGEST_SEARCH).collect();
    Ok(CreatorQuery {
        after: wish.after.as_deref().map(username).transpose()?,
        limit: ROWS,
        state,
        search: (!search.is_empty()).then(|| search.to_lowercase()),
    })
}

pub(super) fn draw(wish: &Wish, page: &CreatorPage, now: Timestamp) -> Markup {
    layout(
        "Creators",
        &html! {
            h1 { "Creators" }
            (filter(wish))
            (part("creators", &html! { "Watchlist" }, &html! {
                @if page.creators.is_empty() { p.nothing { "Nobody here." } }
                table {
                    @for creator in &page.creators { (row(creator, now)) }
                }
                @if let Some(next) = &page.next {
                    form method="get" action="/creators" {
                        input type="hidden" name="state" value=(wish.state);
                        input type="hidden" name="q" value=(wish.q);
                        input type="hidden" name="after" value=(next);
                        button { "More" }
                    }
                }
            }))
        },
    )
}

fn filter(wish: &Wish) -> Markup {
    html! {
        form.filter method="get" action="/creators" {
            label { "Name " input name="q" value=(wish.q) maxlength=(LONGEST_SEARCH); }
            label {
                "State "
                select name="state" {
                    @for state in ["", "live", "offline", "unknown"] {
                        option value=(state) selected[wish.state == state] {
                            @if state.is_empty() { "any" } @else { (state) }
                        }
                    }
                }
            }
            button { "Show" }
        }
    }
}

fn row(creator: &Creator, now: Timestamp) -> Markup {
    html! {
        tr {
            td { a href={ "/creators/" (creator.username) } { "@" (creator.username) } }
            td { span.badge.(creator.state.label()) { (creator.state.label()) } }
            td { "answered " (words::moment_or_dash(creator.last_answer_at, now)) }
            td {
                @match &creator.next_poll {
                    Some(poll) => { "next " (words::due(poll.at, now)) ": " (home::reason(poll)) }
                    None => "under way",
                }
            }
        }
    }
}
