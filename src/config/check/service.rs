//! The tables about the program's surroundings: API, store, listener, log and hints.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::super::options::{Heartbeat, Sweep};
use super::super::raw::{self, Node, Section};
use super::super::read::{Bounds, Reader};
use super::super::{Http, Konbini, Log, LogFormat, Secret, Storage, StorageLocation};
use super::url::{Plain, request_url};

const TIMEOUT: Bounds = Bounds {
    least: Duration::from_millis(100),
    most: Duration::from_mins(2),
    why: ": a request that hangs holds one of `max_in_flight` places",
};
const KEEP: Bounds = Bounds {
    least: Duration::from_hours(1),
    most: Duration::from_hours(24 * 3_650),
    why: "",
};
const EVERY: Bounds = Bounds {
    least: Duration::from_secs(1),
    most: Duration::from_hours(24),
    why: "",
};
const SQLITE: &str = "\"sqlite:\" and the name of a file, like \"sqlite:tallylight.db\"";

/// `[konbini]`
pub(super) fn konbini(reader: &mut Reader<'_>, root: &Section<'_>) -> Konbini {
    let section = reader.section(root, "konbini", &raw::KONBINI);
    if section.find("api_key").is_none() && section.find("api_key_file").is_none() {
        let help = "add `api_key = \"${KONBINI_API_KEY}\"` or `api_key_file` to [konbini]";
        reader.missing(&section, "api_key", help);
    }
    let api_key = reader.secret(&section, "api_key", "api_key_file");
    let base_url = section
        .find("base_url")
        .and_then(|node| base_url(reader, &node));
    Konbini {
        api_key: api_key.map_or_else(|| Secret::new(""), |(key, _)| key),
        base_url: base_url.unwrap_or_else(|| Konbini::BASE_URL.to_owned()),
        timeout: reader
            .duration(&section, "timeout", TIMEOUT)
            .unwrap_or(Konbini::TIMEOUT),
    }
}

fn base_url(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    let url = request_url(reader, node, Plain::Loopback)?;
    if url.contains(['?', '#']) {
        reader.refuse(
            node,
            "has a query or fragment",
            "the calls' paths are put behind it",
        );
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// `[storage]`
pub(super) fn storage(reader: &mut Reader<'_>, root: &Section<'_>) -> Storage {
    let section = reader.section(root, "storage", &raw::STORAGE);
    let location = section.find("url").and_then(|node| location(reader, &node));
    let keep = reader.duration(&section, "keep", KEEP);
    Storage {
        location: location.unwrap_or_else(|| reader.relative(Storage::FILE)),
        keep: keep.unwrap_or(Storage::KEEP),
    }
}

fn location(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<StorageLocation> {
    let url = reader.text(node)?;
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        reader.pending("storage.postgres", node);
        return None;
    }
    let file = url
        .strip_prefix("sqlite:")
        .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match file {
        Some(file) if !file.is_empty() && !file.contains(['\0', '?']) && file != ":memory:" => {
            Some(reader.relative(file))
        }
        _ => {
            reader.refuse(
                node,
                "is no place for the store",
                format!("it has to be {SQLITE}"),
            );
            None
        }
    }
}

impl Reader<'_> {
    fn relative(&self, file: &str) -> StorageLocation {
        StorageLocation::Sqlite(self.resolve(file))
    }
}

/// `[http]`
pub(in crate::config) fn http(reader: &mut Reader<'_>, root: &Section<'_>) -> Http {
    let section = reader.section(root, "http", &raw::HTTP);
    let token = reader.secret(&section, "token", "token_file");
    let token_given = section
        .find("token")
        .or(section.find("token_file"))
        .is_some();
    let hosts = hosts(reader, &section);
    let Some(node) = section.find("listen") else {
        return Http {
            listen: Some(Http::LISTEN),
            hosts,
            token: token.map(|(token, _)| token),
        };
    };
    let listen = listen(reader, &node);
    if listen.is_some_and(|address| !address.ip().is_loopback()) && !token_given {
        let help = "add `token` or `token_file` to [http], or listen on 127.0.0.1";
        reader.refuse(&node, "is open to other machines, without a token", help);
    }
    Http {
        listen,
        hosts,
        token: token.map(|(token, _)| token),
    }
}

fn hosts(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let Some(node) = section.find("hosts") else {
        return Vec::new();
    };
    let mut hosts = Vec::new();
    for node in reader
        .list(&node, "a list: of host names")
        .unwrap_or_default()
    {
        let Some(name) = reader.text(&node) else {
            continue;
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if name.is_empty() || name.len() > 253 || !name.chars().all(fits) {
            let help = "the name as in the address bar, without scheme and port";
            reader.refuse(&node, "is no host name", help);
            continue;
        }
        hosts.push(name.to_ascii_lowercase());
    }
    hosts
}

fn listen(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<SocketAddr> {
    let text = reader.text(node)?;
    if text == "off" {
        return None;
    }
    let named = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok());
    let address = named.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let address = address.or_else(|| text.parse().ok());
    if address.is_none() {
        let help =
            "an IP address and a port, like \"127.0.0.1:9464\" or \"[::1]:9464\", or \"off\"";
        reader.refuse(node, "is no address to listen on", help);
    }
    address
}

/// `[log]`
pub(super) fn log(reader: &mut Reader<'_>, root: &Section<'_>) -> Log {
    use tracing::Level;
    let section = reader.section(root, "log", &raw::LOG);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let format = reader.choice(&section, "format", &formats);
    let level = reader.choice(&section, "level", &levels);
    Log {
        format: format.unwrap_or(LogFormat::Text),
        level: level.unwrap_or(Level::INFO),
    }
}

/// `[sweep]`, if the file has one.
pub(super) fn sweep(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Sweep> {
    let node = root.find("sweep")?;
    let section = reader.section(root, "sweep", &raw::SWEEP);
    reader.learned_only(&node);
    let Some(account) = section.find("account") else {
        reader.missing(
            &section,
            "account",
            "an account of yours that follows the watchlist",
        );
        return None;
    };
    let account = super::watchlist::username(reader, &account)?;
    Some(Sweep { account })
}

/// `[heartbeat]`, if the file has one.
pub(super) fn heartbeat(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Heartbeat> {
    use super::super::read::Given;
    root.find("heartbeat")?;
    let section = reader.section(root, "heartbeat", &raw::HEARTBEAT);
    let every = reader.duration(&section, "every", EVERY);
    if section.find("url").is_none() && section.find("url_file").is_none() {
        reader.missing(
            &section,
            "url",
            "the address that is asked while every loop makes progress",
        );
    }
    let url = match reader.either(&section, "url", "url_file")? {
        Given::Inline(node) => request_url(reader, &node, Plain::Loopback)?,
        Given::File(node) => {
            let text = reader.file(&node)?.1;
            let url = text.trim();
            if !url.starts_with("https://") {
                reader.refuse(&node, "names a file without a URL", "one line, https://...");
            }
            url.to_owned()
        }
    };
    Some(Heartbeat {
        url: Secret::new(url),
        every: every.unwrap_or(Heartbeat::EVERY),
    })
}
