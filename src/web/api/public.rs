//! The feed and the badge of a creator, for other people's readers and pages.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use super::asked::Nothing;
use super::creators::unwatched;
use crate::domain::Username;
use crate::store::history::StreamQuery;
use crate::web::feed::{self, Feed};
use crate::web::problem::Problem;
use crate::web::{Site, badge};

/// Streams in a feed.
const ENTRIES: usize = 50;

/// An Atom feed of a creator's streams, the newest first.
#[utoipa::path(get, path = "/feeds/{file}", tag = "feeds",
    params(("file" = String, Path, pattern = r"^(?!\.+$)[A-Za-z0-9_.]{2,24}\.atom$",
        description = "`USERNAME.atom`")),
    responses((status = 200, description = "the feed", body = String, content_type = "application/atom+xml")))]
pub(super) async fn feed(
    State(site): State<Arc<Site>>,
    Path(file): Path<String>,
    Query(Nothing {}): Query<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let creator = name_in(&file, ".atom")?;
    let query = StreamQuery {
        creator: Some(creator.clone()),
        limit: ENTRIES,
        ..StreamQuery::default()
    };
    let streams = site.history.streams(query).await?.rows;
    if streams.is_empty() && site.monitor.creator(&creator).await?.is_none() {
        return Err(unwatched(&creator));
    }
    let feed = Feed {
        creator: &creator,
        installation: site.store.installation(),
        address: &address(&headers, &creator),
    };
    let xml = feed.render(&streams);
    Ok(([(header::CONTENT_TYPE, feed::MEDIA_TYPE)], xml).into_response())
}

/// A picture that says whether a creator is live.
#[utoipa::path(get, path = "/badges/{file}", tag = "feeds",
    params(("file" = String, Path, pattern = r"^(?!\.+$)[A-Za-z0-9_.]{2,24}\.svg$",
        description = "`USERNAME.svg`")),
    responses((status = 200, description = "the badge", body = String, content_type = "image/svg+xml")))]
pub(super) async fn badge(
    State(site): State<Arc<Site>>,
    Path(file): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let name = name_in(&file, ".svg")?;
    let found = site.monitor.creator(&name).await?;
    let detail = found.ok_or_else(|| unwatched(&name))?;
    let svg = badge::render(name.as_str(), detail.creator.state);
    Ok(([(header::CONTENT_TYPE, badge::MEDIA_TYPE)], svg).into_response())
}

fn name_in(file: &str, ending: &str) -> Result<Username, Problem> {
    let nothing = || Problem::not_found(format!("the address ends in USERNAME{ending}"));
    let name = file.strip_suffix(ending).ok_or_else(nothing)?;
    name.parse()
        .map_err(|error| Problem::bad_request(format!("{error}")))
}

/// The feed's own address, as the reader sees it.
fn address(headers: &HeaderMap, creator: &Username) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = text("host").unwrap_or("localhost");
    format!("{scheme}://{host}/feeds/{creator}.atom")
}
