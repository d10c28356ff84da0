//! Where a browser gives the token and gets a cookie for it, and where it forgets it again.
//!
//! Whoever was led here goes back to where they were: to a path of this server and nowhere
//! else. What they wanted to do is not done for them; they press the button again.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{Method, StatusCode, Uri, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::Site;
use super::access::{Access, Standing};
use super::page::{Done, layout};

/// Who guesses waits.
const AFTER_A_WRONG_ONE: Duration = Duration::from_millis(500);
/// A longer way back is forgotten, in bytes.
const LONGEST_WAY: usize = 512;

/// What the address may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
    #[serde(default)]
    next: String,
}

/// What the page says above the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    /// Nothing.
    Silent,
    /// Another one is wanted.
    WrongToken,
    /// The browser has forgotten the token.
    LoggedOut,
}

/// `GET /login`
pub(super) async fn form(
    State(site): State<Arc<Site>>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Markup {
    let wish = wish.map(|Query(wish)| wish).unwrap_or_default();
    let remark = match Done::parse(&wish.done) {
        Some(Done::LoggedOut) => Remark::LoggedOut,
        _ => Remark::Silent,
    };
    let standing = site.access.standing(&header::HeaderMap::new());
    draw(standing, local(&wish.next), remark)
}

/// `POST /login`: the right token leads back to where the visitor was.
pub(super) async fn check(State(site): State<Arc<Site>>, Form(given): Form<Given>) -> Response {
    let next = local(&given.next);
    if let Some(cookie) = site.access.session(given.token.trim()) {
        let back = Redirect::to(&with_done(next, Done::LoggedIn));
        return ([(header::SET_COOKIE, cookie)], back).into_response();
    }
    tokio::time::sleep(AFTER_A_WRONG_ONE).await;
    let standing = site.access.standing(&header::HeaderMap::new());
    let page = draw(standing, next, Remark::WrongToken);
    (StatusCode::UNAUTHORIZED, page).into_response()
}

/// `POST /logout`
pub(super) async fn forget() -> impl IntoResponse {
    let cookie = [(header::SET_COOKIE, Access::farewell())];
    let way = with_done("/login", Done::LoggedOut);
    (AppendHeaders(cookie), Redirect::to(&way))
}

/// Leads a browser without the cookie to the form.
pub(super) fn lead(method: &Method, uri: &Uri) -> Response {
    let here = uri.path_and_query().map_or("/", |whole| whole.as_str());
    let back = match *method {
        Method::GET | Method::HEAD => here,
        // A button's own address is no page: the page it stands on is the one above.
        _ => uri.path().rsplit_once('/').map_or("/", |(above, _)| above),
    };
    Redirect::to(&way(back)).into_response()
}

/// The address of the form that leads back to `next`.
pub(super) fn way(next: &str) -> String {
    match local(&without_done(next)) {
        "/" => "/login".to_owned(),
        next => format!("/login?next={}", encoded(next)),
    }
}

/// `path`, on which [`Done`] is said.
pub(super) fn with_done(path: &str, done: Done) -> String {
    let path = without_done(path);
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}done={}", done.name())
}

/// `path` without what was done last.
fn without_done(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let pairs = query.split('&').filter(|pair| !pair.starts_with("done="));
    match pairs.collect::<Vec<_>>().join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// `next` if it is a path of this server, else its first page.
///
/// Two slashes, or a slash and a backslash, begin the name of another server, and browsers
/// leave out tabs and line ends before they look.
fn local(next: &str) -> &str {
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= LONGEST_WAY
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !next.starts_with("/log");
    if ours { next } else { "/" }
}

/// As the value of a query.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let one = |b: u8| match b {
        b if plain(b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The whole page.
pub(super) fn draw(standing: Standing, next: &str, remark: Remark) -> Markup {
    layout(
        "Log in",
        None,
        &html! {
            section.narrow {
                h1 { "Log in" }
                @match remark {
                    Remark::Silent => {}
                    Remark::WrongToken => p.notice role="alert" { "That is not the token." },
                    Remark::LoggedOut => p.notice.fine role="status" { "You are logged out." },
                }
                @if standing == Standing::NoToken {
                    p { "Nothing can be changed here: the configuration has no " code { "token" } " in " code { "[http]" } "." }
                    p { a href="/" { "Overview" } }
                } @else {
                    form method="post" action="/login" {
                        input type="hidden" name="next" value=(next);
                        label for="token" { "The " code { "token" } " of " code { "[http]" } " in the configuration" }
                        input #token type="password" name="token" required autofocus autocomplete="current-password";
                        button.main { "Log in" }
                    }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_nowhere_else() {
        for path in ["/", "/deliveries/7", "/creators?state=live&q=a%20b"] {
            assert_eq!(local(path), path);
        }
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "evil.example",
            " //evil.example",
            "/a\r\nset-cookie: x=y",
            "/ü",
            "/login",
            "/logout",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
        assert_eq!(local(&format!("/{}", "x".repeat(LONGEST_WAY))), "/");
    }

    #[test]
    fn what_was_done_is_said_once_in_an_address() {
        let way = with_done("/webhooks/b?status=failed&done=polled", Done::LoggedIn);
        assert_eq!(way, "/webhooks/b?status=failed&done=logged_in");
        assert_eq!(
            with_done("/?done=polled", Done::Replayed),
            "/?done=replayed"
        );
    }

    #[test]
    fn the_address_of_the_form_carries_the_way_back_as_one_value() {
        assert_eq!(way("/"), "/login");
        assert_eq!(
            way("/creators?q=a&state=live#x"),
            "/login?next=/creators%3Fq%3Da%26state%3Dlive%23x"
        );
        assert_eq!(way("//evil.example"), "/login");
    }
}
