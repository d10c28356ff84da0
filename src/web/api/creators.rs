//! The watchlist: page by page, one by one, and an order to poll somebody soon.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::asked::{Limit, Name, Nothing};
use crate::domain::Username;
use crate::web::Site;
use crate::web::problem::Problem;
use crate::web::views::{self, CreatorDetail, CreatorPage, CreatorQuery};

/// The longest text to search for: a username is no longer.
const LONGEST_SEARCH: usize = 24;

/// Which creators.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// In this state alone.
    #[param(value_type = views::State, required = false)]
    state: Option<views::State>,
    /// With this text in the name.
    #[param(value_type = String, max_length = 24, required = false)]
    search: Option<String>,
    /// Creators on a page at most; 100 if left out.
    #[param(value_type = u16, minimum = 1, maximum = 200, required = false)]
    limit: Option<Limit<{ CreatorQuery::MOST }>>,
    /// `next` of the page before.
    #[param(value_type = Name, inline, required = false)]
    cursor: Option<Name>,
}

/// The watchlist, by name. A page can be shorter than asked for, even empty, with more to come.
#[utoipa::path(get, path = "/api/v1/creators", tag = "creators", params(Wish),
    responses((status = 200, description = "a page", body = CreatorPage)))]
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    Query(wish): Query<Wish>,
) -> Result<Json<CreatorPage>, Problem> {
    let search = wish.search.map(|text| text.to_lowercase());
    if search
        .as_ref()
        .is_some_and(|text| text.chars().count() > LONGEST_SEARCH)
    {
        let allowed = format!("search: allowed are {LONGEST_SEARCH} characters");
        return Err(Problem::bad_request(allowed));
    }
    let query = CreatorQuery {
        after: wish.cursor.map(|name| name.0),
        limit: Limit::rows(wish.limit),
        state: wish.state,
        search: search.filter(|text| !text.is_empty()),
    };
    Ok(Json(site.monitor.creators(query).await?))
}

/// One creator with all that is known of it.
#[utoipa::path(get, path = "/api/v1/creators/{username}", tag = "creators",
    params(("username" = inline(Name), Path, description = "with or without `@`")),
    responses((status = 200, description = "the creator", body = CreatorDetail)))]
pub(super) async fn one(
    State(site): State<Arc<Site>>,
    Path(Name(username)): Path<Name>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<CreatorDetail>, Problem> {
    let found = site.monitor.creator(&username).await?;
    found.map(Json).ok_or_else(|| unwatched(&username))
}

/// Has a creator polled soon, within rate and budget.
#[utoipa::path(post, path = "/api/v1/creators/{username}/poll", tag = "creators",
    params(("username" = inline(Name), Path, description = "with or without `@`")),
    security(("token" = [])),
    responses((status = 202, description = "it is the next to be polled")))]
pub(super) async fn poll(
    State(site): State<Arc<Site>>,
    Path(Name(username)): Path<Name>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<StatusCode, Problem> {
    if site.monitor.poll_now(&username).await? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(unwatched(&username))
    }
}

pub(super) fn unwatched(username: &Username) -> Problem {
    Problem::not_found(format!("{username} is not on the watchlist"))
}
