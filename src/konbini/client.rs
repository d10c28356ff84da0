//! The transport: one request, one answer, within deadlines and caps.
//!
//! Nothing is repeated or followed behind the caller's back: a hidden retry can cost a
//! credit, a redirect would carry the key elsewhere. Whatever goes wrong is an unclear
//! observation; the key is in no error, log or `Debug`.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};
use reqwest::{Response, Url};

use super::answer::{self, Cursor, FollowingAnswer, ProfileAnswer, ProfileFinding};
use super::{Answer, Source};
use crate::config::{self, Secret};
use crate::domain::Username;
use crate::domain::observation::{Cause, Observation, Unclear};

/// The longest body that is read, in bytes; the sample of a live answer has 2,226.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// For name resolution, TCP and TLS together; never longer than the whole request may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most members that a page of a following list can hold.
const PAGE: &str = "30";

/// Asks `KonbiniAPI`. Cheap to share; keeps its connections.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: Url,
    key: Secret,
}

/// Why a client cannot be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address that can be asked. Not repeated, since it may hold a password.
    #[error("konbini.base_url is not an http or https address without user name and query")]
    BaseUrl,
    /// The key holds a character that no header can carry.
    #[error("konbini.api_key holds characters that cannot be sent")]
    Key,
    /// TLS or the system's certificates are unusable.
    #[error("cannot prepare HTTPS: {0}")]
    Tls(String),
}

/// One request's way, as far as it came.
struct Exchange {
    /// Empty if not even they came. Credits count even where the body is lost.
    headers: HeaderMap,
    /// Status and whole body.
    outcome: Result<(u16, Vec<u8>), Unclear>,
}

impl Client {
    /// A client for the account and address of `config`; connects to nothing yet.
    pub fn new(config: &config::Konbini) -> Result<Self, ClientError> {
        Ok(Self {
            http: transport(config)?,
            base_url: base_url(&config.base_url)?,
            key: config.api_key.clone(),
        })
    }

    /// `GET {base}/v1/tiktok/users/{username}` and what is `below`.
    async fn ask(&self, username: &Username, below: &[&str]) -> Exchange {
        self.fetch(self.url_of(username, below)).await
    }

    async fn fetch(&self, url: Option<Url>) -> Exchange {
        let Some(url) = url else {
            let detail = "this username cannot be part of an address";
            return Exchange::failed(Unclear::new(Cause::InvalidUsername, detail));
        };
        let mut response = match self.http.get(url).send().await {
            Ok(response) => response,
            Err(error) => return Exchange::failed(self.lost(error)),
        };
        let headers = std::mem::take(response.headers_mut());
        let status = response.status().as_u16();
        let outcome = match body_of(response, &headers).await {
            Ok(Some(body)) => Ok((status, body)),
            Ok(None) => Err(too_large()),
            Err(error) => Err(self.lost(error)),
        };
        Exchange { headers, outcome }
    }

    /// `None` for a name that would change the path; a `Username` is none, this is the belt.
    fn url_of(&self, username: &Username, below: &[&str]) -> Option<Url> {
        let mut url = self.base_url.clone();
        let name = username.as_str();
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(["v1", "tiktok", "users", name])
            .extend(below);
        let mut from_the_end = url.path_segments()?.rev().skip(below.len());
        (from_the_end.next() == Some(name)).then_some(url)
    }

    /// What a transport error means. Its own words, without the address and the key.
    fn lost(&self, error: reqwest::Error) -> Unclear {
        let error = error.without_url();
        if error.is_timeout() {
            let detail = "no complete answer within konbini.timeout";
            return Unclear::new(Cause::Timeout, detail);
        }
        let mut detail = with_causes(&error);
        let key = self.key.expose();
        if !key.is_empty() {
            detail = detail.replace(key, "[key]");
        }
        Unclear::new(Cause::Connection, detail)
    }
}

#[async_trait]
impl Source for Client {
    async fn poll(&self, username: &Username) -> Answer {
        let exchange = self.ask(username, &["live"]).await;
        match exchange.outcome {
            Ok((status, body)) => answer::read_live(username, status, &exchange.headers, &body),
            Err(unclear) => Answer::new(
                Observation::Unclear(unclear),
                answer::credits(&exchange.headers),
            ),
        }
    }

    async fn profile(&self, username: &Username) -> ProfileAnswer {
        let exchange = self.ask(username, &[]).await;
        match exchange.outcome {
            Ok((status, body)) => answer::read_profile(status, &exchange.headers, &body),
            Err(unclear) => ProfileAnswer {
                finding: ProfileFinding::Unclear(unclear),
                credits: answer::credits(&exchange.headers),
            },
        }
    }

    async fn following(&self, account: &Username, cursor: Option<&Cursor>) -> FollowingAnswer {
        let mut url = self.url_of(account, &["following"]);
        if let Some(url) = &mut url {
            let mut query = url.query_pairs_mut();
            query.append_pair("count", PAGE);
            if let Some(cursor) = cursor {
                query.append_pair("cursor", cursor.as_str());
            }
        }
        let exchange = self.fetch(url).await;
        match exchange.outcome {
            Ok((status, body)) => answer::read_following(status, &exchange.headers, &body),
            Err(unclear) => FollowingAnswer::failed(unclear, &exchange.headers),
        }
    }
}

impl Exchange {
    fn failed(unclear: Unclear) -> Self {
        Self {
            headers: HeaderMap::new(),
            outcome: Err(unclear),
        }
    }
}

fn transport(config: &config::Konbini) -> Result<reqwest::Client, ClientError> {
    // Fails if somebody was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bearer = format!("Bearer {}", config.api_key.expose());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| ClientError::Key)?;
    bearer.set_sensitive(true);
    let json = HeaderValue::from_static("application/json");
    let headers = [(header::AUTHORIZATION, bearer), (header::ACCEPT, json)];
    reqwest::Client::builder()
        .user_agent(concat!("tallylight/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers.into_iter().collect())
        .connect_timeout(CONNECT_TIMEOUT.min(config.timeout))
        .read_timeout(config.timeout)
        .timeout(config.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .build()
        .map_err(|error| ClientError::Tls(with_causes(&error.without_url())))
}

/// The error and what is behind it, joined by `: `; reqwest's own text says little.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn base_url(text: &str) -> Result<Url, ClientError> {
    let url: Url = text.parse().map_err(|_| ClientError::BaseUrl)?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    usable.then_some(url).ok_or(ClientError::BaseUrl)
}

/// The whole body, or `None` if it is longer than [`MAX_BODY_BYTES`]: the promised length
/// is believed where it is too long, and what comes is counted all the same.
async fn body_of(mut response: Response, headers: &HeaderMap) -> reqwest::Result<Option<Vec<u8>>> {
    let promised = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if promised.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn too_large() -> Unclear {
    let detail = format!("the answer is longer than {MAX_BODY_BYTES} bytes");
    Unclear::new(Cause::BodyTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(base_url: &str, key: &str) -> config::Konbini {
        config::Konbini {
            api_key: Secret::new(key),
            base_url: base_url.to_owned(),
            timeout: Duration::from_secs(1),
        }
    }

    fn url(base_url: &str, name: &str) -> Option<String> {
        let client = Client::new(&config(base_url, "knbn_x")).unwrap();
        let url = client.url_of(&name.parse().unwrap(), &["live"]);
        url.map(Into::into)
    }

    #[test]
    fn the_path_follows_whatever_path_the_base_has() {
        let path = "/v1/tiktok/users/khaby.lame/live";
        for base in [
            "http://h:1",
            "http://h:1/",
            "http://h:1/a/b",
            "http://h:1/a/b/",
        ] {
            let expected = format!("{}{path}", base.trim_end_matches('/'));
            assert_eq!(url(base, "khaby.lame"), Some(expected));
        }
    }

    #[test]
    fn an_unusable_address_or_key_is_refused_without_repeating_it() {
        for base in [
            "",
            "api.konbiniapi.com",
            "ftp://h",
            "https://user:hunter2@h",
            "https://h?a=b",
        ] {
            let error = Client::new(&config(base, "knbn_x")).unwrap_err();
            assert!(matches!(error, ClientError::BaseUrl), "{base}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let error = Client::new(&config(
            "https://h",
            "hunter2
",
        ))
        .unwrap_err();
        assert!(matches!(error, ClientError::Key));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn debug_shows_no_key() {
        let client = Client::new(&config("https://h", "knbn_hunter2")).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
