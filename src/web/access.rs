//! Who may read, who may change: a decision on a request's headers, and nothing else.
//!
//! On a loopback address whoever is on this machine may read, under a name of this machine
//! alone: a page elsewhere whose name is made to lead here is refused. Beyond loopback
//! reading takes the token. Changing always takes it, and never comes from another site.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Method, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use crate::config::{Config, Secret};

/// Open to everybody: probes have no token, and the form, with its style, is where one is given.
const OPEN: &[&str] = &["/healthz", "/readyz", "/login", "/assets/style.css"];
/// The cookie that stands for the token in a browser.
const COOKIE: &str = "tallylight_session";

/// What the configuration that runs allows; a reload changes it for the next request.
#[derive(Debug, Clone)]
pub struct Access {
    local: bool,
    config: watch::Receiver<Arc<Config>>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was made under a name that is not this machine's.
    #[error(
        "this name is not served here: use 127.0.0.1 or localhost, or add the name to `hosts` in [http]"
    )]
    Host,
    /// A page of another site made it.
    #[error("a page of another site may change nothing here")]
    CrossSite,
    /// The token is missing or wrong.
    #[error("this takes the token of [http]: `Authorization: Bearer ...`, or /login in a browser")]
    Token,
    /// It changes something, and the configuration has no token.
    #[error("nothing can be changed here: the configuration has no `token` in [http]")]
    NoToken,
}

/// What whoever asks may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing, like everybody: the configuration has no token.
    NoToken,
    /// Nothing before the token is given.
    Stranger,
    /// Everything.
    LoggedIn,
}

impl Access {
    /// For a listener on `address`, by the configuration that runs.
    pub fn new(config: watch::Receiver<Arc<Config>>, address: SocketAddr) -> Self {
        Self {
            local: address.ip().is_loopback(),
            config,
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Whether a request may go on.
    pub fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = host_of(headers);
        if self.local && !host.is_some_and(|host| self.is_ours(host)) {
            return Err(Refusal::Host);
        }
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if !reads && is_cross_site(headers, host) {
            return Err(Refusal::CrossSite);
        }
        if OPEN.contains(&path) || (reads && self.local) {
            return Ok(());
        }
        match self.standing(headers) {
            Standing::NoToken => Err(Refusal::NoToken),
            Standing::Stranger => Err(Refusal::Token),
            Standing::LoggedIn => Ok(()),
        }
    }

    /// What whoever sent these headers may change.
    pub(super) fn standing(&self, headers: &HeaderMap) -> Standing {
        match &self.config().http.token {
            None => Standing::NoToken,
            Some(token) if bears(headers, token) => Standing::LoggedIn,
            Some(_) => Standing::Stranger,
        }
    }

    /// The cookie that makes a browser forget.
    pub(super) fn farewell() -> String {
        format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    /// The cookie for a browser that gave the right token; `None` for a wrong one.
    pub(super) fn session(&self, given: &str) -> Option<String> {
        let config = self.config();
        let token = config.http.token.as_ref();
        let token = token.filter(|token| same(given, token.expose()))?;
        Some(format!(
            "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000",
            mark(token)
        ))
    }

    /// A name of this machine, or of the configuration, with any port.
    fn is_ours(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&name.as_str());
        let loopback = || {
            let bare = name.trim_matches(['[', ']']);
            bare.parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        };
        local
            || loopback()
            || self
                .config()
                .http
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name))
    }
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    // Two of them are one too many to trust either.
    hosts.next().is_none().then_some(host)
}

/// `name:port` without the port; an IPv6 address keeps its brackets.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a browser says that the request comes from a page of another origin.
///
/// Programs that are no browsers send neither header.
fn is_cross_site(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let foreign_fetch =
        text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let foreign_origin = text("origin").is_some_and(|origin| {
        let origin = origin
            .strip_prefix("http://")
            .or(origin.strip_prefix("https://"));
        origin.is_none() || origin != host
    });
    foreign_fetch || foreign_origin
}

fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, given)| given.trim());
    if let Some(given) = bearer {
        return same(given, token.expose());
    }
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(name, value)| name == COOKIE && same(value, &mark(token)))
}

/// What the cookie holds: it opens what the token opens, and does not tell the token.
fn mark(token: &Secret) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()) else {
        // HMAC takes keys of any length.
        return String::new();
    };
    mac.update(b"tallylight session");
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Compares in a time that tells nothing, not even the length.
fn same(given: &str, wanted: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    !wanted.is_empty()
        && digest(given)
            .as_slice()
            .ct_eq(digest(wanted).as_slice())
            .into()
}

#[cfg(test)]
mod tests;
