//! URLs that requests go to.

use reqwest::Url;

use super::super::raw::Node;
use super::super::read::Reader;

/// Whether plain `http://` may leave the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// Only to this machine.
    Loopback,
    /// Only to this machine, but `allow_http = true` would change that.
    LoopbackUnlessAllowed,
    /// `allow_http = true`.
    Allowed,
}

/// The URL of `node` as it was written, if requests can go there.
pub(super) fn request_url(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    plain: Plain,
) -> Option<String> {
    const FORM: &str = "a URL like https://example.com/path";
    let text = reader.text(node)?;
    let odd = |c: char| c.is_control() || c.is_whitespace();
    let Some(url) = Url::parse(&text).ok().filter(|_| !text.contains(odd)) else {
        reader.refuse(node, "is not a URL", FORM);
        return None;
    };
    match url.scheme() {
        "https" => Some(text),
        "http" if plain == Plain::Allowed || is_loopback(&url) => Some(text),
        "http" => {
            let help = match plain {
                Plain::LoopbackUnlessAllowed => {
                    "use https://; `allow_http = true` in this webhook permits http:// to other machines"
                }
                _ => "use https://; http:// is for this machine alone",
            };
            reader.refuse(node, "is http://, which is not encrypted", help);
            None
        }
        _ => {
            reader.refuse(node, "is not a URL for requests", FORM);
            None
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
