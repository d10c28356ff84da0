//! The pages: drawn on the server, whole without a script, kept fresh by a small one.
//!
//! Each page gathers what it shows, then draws it in one pure function. Every part that may
//! change has an id and `data-part`: the script fetches the same page again when something
//! happened and swaps the parts that differ. Nothing is loaded from elsewhere.

mod assets;
mod creator;
mod creators;
mod delivery;
mod home;
mod notices;
mod sweeps;
mod webhook;
mod words;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::Site;
use super::monitor::Unavailable;
use super::problem::Problem;
use crate::domain::Username;
use crate::store::StoreError;

/// The pages and what they load.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(home::page))
        .route("/creators", get(creators::page))
        .route("/creators/{username}", get(creator::page))
        .route("/creators/{username}/poll", post(poll))
        .route("/webhooks/{id}", get(webhook::page))
        .route("/deliveries/{id}", get(delivery::page))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/live.js", get(assets::script))
        .layer(Extension(home::Drawn::default()))
}

/// Why a page cannot be shown.
#[derive(Debug)]
struct Failure(Problem);

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(Problem::unavailable(error.to_string()))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.0.status;
        let title = status.canonical_reason().unwrap_or("Error");
        let body = html! { h1 { (title) } p { (self.0.detail) } p { a href="/" { "Overview" } } };
        (status, layout(title, &body)).into_response()
    }
}

/// The frame of every page.
fn layout(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · tallylight" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/style.css";
                noscript { meta http-equiv="refresh" content="30"; }
                script src="/assets/live.js" defer {}
            }
            body {
                header {
                    a.home href="/" { span.light {} "tallylight" }
                    nav {
                        a href="/creators" { "Creators" }
                        a href="/api/v1/openapi.json" { "API" }
                    }
                    span #connection hidden {}
                }
                main { (body) }
            }
        }
    }
}

/// A section that the script may swap.
fn part(id: &str, title: &Markup, body: &Markup) -> Markup {
    html! {
        section #(id) data-part="" {
            h2 { (title) }
            (body)
        }
    }
}

fn username(text: &str) -> Result<Username, Failure> {
    let read: Result<Username, _> = text.parse();
    read.map_err(|error| Problem::bad_request(error.to_string()).into())
}

/// Has a creator polled soon, and goes back to its page.
async fn poll(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<Redirect, Failure> {
    let creator = username(&name)?;
    if !site.monitor.poll_now(&creator).await? {
        return Err(unwatched());
    }
    Ok(Redirect::to(&format!("/creators/{creator}")))
}

fn unwatched() -> Failure {
    Problem::new(
        StatusCode::NOT_FOUND,
        "this creator is not on the watchlist, and nothing is stored of it",
    )
    .into()
}
