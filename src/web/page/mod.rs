//! The pages: drawn on the server, whole without a script, kept fresh by a small one.
//!
//! Each page gathers what it shows, then draws it in one pure function. Every part that may
//! change has an id and `data-part`: the script fetches the same page again when something
//! happened and swaps the parts that differ. Nothing is loaded from elsewhere.

mod actions;
mod assets;
mod creator;
mod creators;
mod delivery;
mod frame;
mod home;
mod notices;
mod sweeps;
mod webhook;
mod words;

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};

pub(super) use self::frame::{Done, layout};

use self::frame::{Visitor, button, part};
use super::Site;
use super::monitor::Unavailable;
use super::problem::Problem;
use crate::domain::Username;
use crate::store::StoreError;

/// A part of the path, which may not be what it should.
type Place<T> = Result<Path<T>, PathRejection>;

/// The pages and what they load.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(home::page))
        .route("/creators", get(creators::page))
        .route("/creators/{username}", get(creator::page))
        .route("/creators/{username}/poll", post(actions::poll))
        .route("/webhooks/{id}", get(webhook::page))
        .route("/deliveries/{id}", get(delivery::page))
        .route("/deliveries/{id}/replay", post(actions::replay))
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
        Self(error.into())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Self {
        Self(Problem::not_found("there is no such page"))
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self(Problem::bad_request(rejection.body_text()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        failure(&self.0)
    }
}

/// A problem as a person reads it.
pub(super) fn failure(problem: &Problem) -> Response {
    (problem.status, failure_page(problem)).into_response()
}

fn failure_page(problem: &Problem) -> Markup {
    let title = problem.status.canonical_reason().unwrap_or("Error");
    let body = html! {
        section.narrow {
            h1 { (title) }
            p { (words::strange(&problem.detail)) }
            p { a href="/" { "Overview" } }
        }
    };
    layout(title, None, &body)
}

fn username(text: &str) -> Result<Username, Failure> {
    let read: Result<Username, _> = text.parse();
    read.map_err(|error| Problem::bad_request(error.to_string()).into())
}

fn unwatched() -> Failure {
    Problem::not_found("this creator is not on the watchlist, and nothing is stored of it").into()
}

#[cfg(test)]
mod tests;
