//! Asks the daemon of this configuration over HTTP, on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Response, StatusCode};

use crate::config::Http;

/// An answer longer than this is not the daemon's.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Gets `path` from the running daemon within `patience`: the status and the body.
pub(super) async fn ask(
    http: &Http,
    path: &str,
    patience: Duration,
) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let Some(listen) = http.listen else {
        bail!("the configuration says `listen = \"off\"` in [http]: the daemon cannot be asked");
    };
    let address = reachable(listen);
    // Refused if it was done before, which is as good; the client wants one even without TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .timeout(patience)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .context("cannot make a client")?;
    let mut request = client.get(format!("http://{address}{path}"));
    if let Some(token) = &http.token {
        request = request.bearer_auth(token.expose());
    }
    let answered = async {
        let response = request.send().await?;
        let status = response.status();
        anyhow::Ok((status, body(response).await?))
    };
    answered
        .await
        .with_context(|| format!("no daemon answers on {address}: is `tallylight run` running?"))
}

/// An address that listens on all is reached over loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}

async fn body(mut response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > MAX_ANSWER {
            bail!("the answer is too long to be the daemon's");
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// What a problem document says, else what the status does.
pub(super) fn problem(status: StatusCode, body: &[u8]) -> String {
    let document: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = document.as_ref().and_then(|d| d.get("detail")?.as_str());
    detail.map_or_else(|| status.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_listens_on_all_is_asked_over_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(asked("[::]:9464"), "[::1]:9464");
        assert_eq!(asked("192.0.2.7:80"), "192.0.2.7:80");
    }

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let body = br#"{"title":"x","detail":"the poller has made no progress for 40 s"}"#;
        let said = problem(StatusCode::SERVICE_UNAVAILABLE, body);
        assert_eq!(said, "the poller has made no progress for 40 s");
        let said = problem(StatusCode::NOT_FOUND, b"<html>");
        assert_eq!(said, "404 Not Found");
    }
}
