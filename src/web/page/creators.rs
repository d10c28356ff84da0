//! The watchlist, page by page, by state and by name.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Failure, Visitor, home, layout, part, username, words};
use crate::domain::Timestamp;
use crate::domain::text::one_line;
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
    pub(super) state: String,
    #[serde(default)]
    pub(super) q: String,
    pub(super) after: Option<String>,
}

/// `GET /creators`
pub(super) async fn page(
    Extract(site): Extract<Arc<Site>>,
    visitor: Visitor,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Markup, Failure> {
    let Query(wish) = wish?;
    let page = site.monitor.creators(query(&wish)?).await?;
    Ok(draw(&wish, &page, &visitor))
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

pub(super) fn draw(wish: &Wish, page: &CreatorPage, visitor: &Visitor) -> Markup {
    layout(
        "Creators",
        Some(visitor),
        &html! {
            h1 { "Creators" }
            (filter(wish))
            (part("creators", &html! { "Watchlist" }, &html! {
                @if page.creators.is_empty() { p.nothing { (nobody(page)) } } @else { (table(page, visitor.now)) }
                @if let Some(next) = &page.next {
                    form.action method="get" action="/creators" {
                        input type="hidden" name="state" value=(wish.state);
                        input type="hidden" name="q" value=(one_line(&wish.q));
                        input type="hidden" name="after" value=(next);
                        button { "More" }
                    }
                }
            }))
        },
    )
}

/// A page can be empty with more to come, since what is looked through for one is bounded.
fn nobody(page: &CreatorPage) -> &'static str {
    if page.next.is_some() {
        "Nobody among these."
    } else {
        "Nobody."
    }
}

fn table(page: &CreatorPage, now: Timestamp) -> Markup {
    html! {
        table.wide {
            thead {
                tr {
                    @for name in ["Creator", "State", "Answered", "Next poll"] { th scope="col" { (name) } }
                }
            }
            tbody { @for creator in &page.creators { (row(creator, now)) } }
        }
    }
}

fn filter(wish: &Wish) -> Markup {
    html! {
        form.filter method="get" action="/creators" {
            label { "Name " input name="q" value=(one_line(&wish.q)) maxlength=(LONGEST_SEARCH); }
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
            td { (words::creator(&creator.username)) }
            td { span.badge.(creator.state.label()) { (creator.state.label()) } }
            td { (words::moment_or_dash(creator.last_answer_at, now)) }
            td {
                @match &creator.next_poll {
                    Some(poll) => { (words::due(poll.at, now)) ": " (home::reason(poll)) }
                    None => "under way",
                }
            }
        }
    }
}
