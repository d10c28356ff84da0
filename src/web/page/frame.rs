//! The frame of every page, and who looks at it.
//!
//! A part has an id and `data-part`: it is what the script may swap. What a form has just
//! done is said once, on the page that it leads to.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use maud::{DOCTYPE, Markup, html};

use crate::domain::Timestamp;
use crate::web::access::Standing;
use crate::web::{Site, login};

/// Who looks, from where, and at what time.
#[derive(Debug, Clone)]
pub(in crate::web) struct Visitor {
    pub(super) standing: Standing,
    pub(super) done: Option<Done>,
    /// Path and query.
    pub(super) here: String,
    pub(super) now: Timestamp,
}

/// What a form has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Done {
    LoggedIn,
    LoggedOut,
    Polled,
    Replayed,
}

impl Done {
    const ALL: [Self; 4] = [
        Self::LoggedIn,
        Self::LoggedOut,
        Self::Polled,
        Self::Replayed,
    ];

    /// As it stands in an address.
    pub(in crate::web) fn name(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::LoggedOut => "logged_out",
            Self::Polled => "polled",
            Self::Replayed => "replayed",
        }
    }

    /// The one of that name.
    pub(in crate::web) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.name() == name)
    }

    fn words(self) -> &'static str {
        match self {
            Self::LoggedIn => "You are logged in: the buttons work now. Nothing was done yet.",
            Self::LoggedOut => "You are logged out.",
            Self::Polled => "Asked for: the creator is polled as soon as rate and budget allow.",
            Self::Replayed => "On its way again, under the same webhook-id.",
        }
    }
}

impl FromRequestParts<Arc<Site>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Infallible> {
        let mut pairs = parts.uri.query().unwrap_or_default().split('&');
        let here = parts.uri.path_and_query().map_or("/", |here| here.as_str());
        Ok(Self {
            standing: site.access.standing(&parts.headers),
            done: pairs.find_map(|pair| Done::parse(pair.strip_prefix("done=")?)),
            here: here.to_owned(),
            now: site.clock.now(),
        })
    }
}

/// The frame of every page; without a visitor it stays as it is and nobody can log in or out.
pub(in crate::web) fn layout(title: &str, visitor: Option<&Visitor>, body: &Markup) -> Markup {
    let done = visitor.and_then(|visitor| visitor.done);
    html! {
        (DOCTYPE)
        html lang="en" data-now=[visitor.map(|visitor| visitor.now)] {
            (head(title, visitor))
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.home href="/" { span.light {} "tallylight" }
                    nav {
                        a href="/creators" { "Creators" }
                        a href="/api/v1/openapi.json" { "API" }
                    }
                    span #connection role="status" {}
                    @if let Some(visitor) = visitor { (door(visitor)) }
                }
                main #main {
                    @if let Some(done) = done { p.notice.fine role="status" { (done.words()) } }
                    (body)
                }
            }
        }
    }
}

fn head(title: &str, visitor: Option<&Visitor>) -> Markup {
    // What was done is not said again by a page that renews itself.
    let again = match visitor.and_then(|visitor| visitor.done) {
        Some(_) => "30;url=?",
        None => "30",
    };
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · tallylight" }
            link rel="icon" href="data:,";
            link rel="stylesheet" href="/assets/style.css";
            @if visitor.is_some() {
                noscript { meta http-equiv="refresh" content=(again); }
                script src="/assets/live.js" defer {}
            }
        }
    }
}

/// The way in or out, for whom there is one.
fn door(visitor: &Visitor) -> Markup {
    html! {
        @match visitor.standing {
            Standing::NoToken => {}
            Standing::Stranger => a.door href=(login::way(&visitor.here)) { "Log in" },
            Standing::LoggedIn => form.door method="post" action="/logout" { button { "Log out" } },
        }
    }
}

/// A section that the script may swap.
pub(super) fn part(id: &str, title: &Markup, body: &Markup) -> Markup {
    html! {
        section #(id) data-part="" {
            h2 { (title) }
            (body)
        }
    }
}

/// A button that changes something, for whoever may.
pub(super) fn button(visitor: &Visitor, action: &str, words: &str, remark: &str) -> Markup {
    html! {
        form.action method="post" action=(action) {
            button.main disabled[visitor.standing == Standing::NoToken] { (words) }
            span.small {
                (remark)
                @match visitor.standing {
                    Standing::NoToken => { "; needs a " code { "token" } " in " code { "[http]" } }
                    Standing::Stranger => "; asks for the token",
                    Standing::LoggedIn => {}
                }
            }
        }
    }
}
