//! Where a browser gives the token and gets a cookie for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use http::{StatusCode, header};
use serde::Deserialize;

use super::Site;

/// Who guesses waits.
const AFTER_A_WRONG_ONE: Duration = Duration::from_millis(500);

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
}

/// The form.
pub(super) async fn form() -> Html<&'static str> {
    Html(FORM)
}

/// Takes the token; the right one leads to the page.
pub(super) async fn check(State(site): State<Arc<Site>>, Form(given): Form<Given>) -> Response {
    if let Some(cookie) = site.access.session(given.token.trim()) {
        return ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    }
    tokio::time::sleep(AFTER_A_WRONG_ONE).await;
    (StatusCode::UNAUTHORIZED, Html(FORM)).into_response()
}

const FORM: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>tallylight</title>
<h1>tallylight</h1>
<form method="post" action="/login">
<label>Token of [http] <input type="password" name="token" required autofocus autocomplete="current-password"></label>
<button>Enter</button>
</form>
</html>
"#;
