//! Where requests go and where they do not, with a resolver that says what it is told to.

use std::net::IpAddr;

use super::*;
use crate::config::Secret;

/// Answers every name with the same addresses, and counts.
#[derive(Debug, Default)]
struct Fixed {
    addresses: Vec<IpAddr>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Lookup for Fixed {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        Ok(self.addresses.clone())
    }
}

fn resolving(addresses: &[&str]) -> (HttpSender, Arc<Fixed>) {
    let lookup = Arc::new(Fixed {
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        asked: Mutex::default(),
    });
    (HttpSender::resolving_by(lookup.clone()).unwrap(), lookup)
}

fn port(wire: &Wire) -> u16 {
    wire.address().port()
}

#[tokio::test]
async fn a_name_that_resolves_to_a_metadata_address_is_not_dialled() {
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "fe80::1",
    ] {
        let (sender, lookup) = resolving(&[address]);
        let failed = broken(
            sender
                .send(request("http://receiver.test/?key=hunter2", LONG))
                .await,
        );
        assert_eq!(
            failed.class,
            ErrorClass::BlockedAddress,
            "{}",
            failed.detail
        );
        assert!(
            failed.detail.contains("never connected to"),
            "{}",
            failed.detail
        );
        assert!(!failed.detail.contains("hunter2"), "{}", failed.detail);
        assert_eq!(*lookup.asked.lock().unwrap(), ["receiver.test"]);
    }
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_ones_are_dialled() {
    let wire = answering(wire::Reply::status(StatusCode::NO_CONTENT)).await;
    let url = format!("http://receiver.test:{}/", port(&wire));
    let (sender, lookup) = resolving(&["169.254.169.254", "127.0.0.1", "::ffff:169.254.169.254"]);
    let name = "receiver.test".parse().unwrap();
    let dialled = reqwest::dns::Resolve::resolve(&Guarded(lookup), name).await;
    let dialled: Vec<_> = dialled.unwrap().map(|address| address.ip()).collect();
    assert_eq!(dialled, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(answered(sender.send(request(&url, LONG)).await).status, 204);
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_without_a_resolver() {
    let (sender, lookup) = resolving(&["127.0.0.1"]);
    for host in [
        "169.254.169.254",
        "2852039166",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
    ] {
        let failed = broken(sender.send(request(&format!("http://{host}/"), LONG)).await);
        assert_eq!(failed.class, ErrorClass::BlockedAddress, "{host}");
    }
    assert!(lookup.asked.lock().unwrap().is_empty());
    // The same way ends in an answer for an address that is allowed.
    let wire = answering(wire::Reply::status(StatusCode::NO_CONTENT)).await;
    let reply = sender.send(request(&wire.url(), LONG)).await;
    assert_eq!(answered(reply).status, 204);
}

#[tokio::test]
async fn a_proxy_is_asked_for_its_webhook_alone() {
    let proxy = answering(wire::Reply::status(StatusCode::ACCEPTED)).await;
    let direct = answering(wire::Reply::status(StatusCode::NO_CONTENT)).await;
    let (sender, lookup) = resolving(&["127.0.0.1"]);
    let url = format!("http://receiver.test:{}/hook", port(&direct));
    let proxied = Webhook {
        proxy: Some(Secret::new(format!(
            "http://user:hunter2@127.0.0.1:{}",
            port(&proxy)
        ))),
        ..webhook("proxied", &url)
    };
    assert_eq!(answered(sender.send(request_of(proxied)).await).status, 202);
    // For a second opinion: what is dialled is the proxy, which resolves the name itself.
    assert_eq!(*lookup.asked.lock().unwrap(), ["receiver.test"]);
    assert_eq!(direct.traffic().requests(), 0);
    let plain = sender.send(request(&url, LONG)).await;
    assert_eq!(answered(plain).status, 204);
    assert_eq!(proxy.traffic().requests(), 1);
}

#[tokio::test]
async fn a_metadata_address_is_refused_through_a_proxy_and_as_a_proxy() {
    let proxy = answering(wire::Reply::status(StatusCode::ACCEPTED)).await;
    let through = |url: &str, proxy: String| Webhook {
        proxy: Some(Secret::new(proxy)),
        ..webhook("proxied", url)
    };
    let (sender, _) = resolving(&["169.254.169.254"]);
    let good = format!("http://127.0.0.1:{}", port(&proxy));
    let target = through("http://169.254.169.254/", good);
    let failed = broken(sender.send(request_of(target)).await);
    assert_eq!(failed.class, ErrorClass::BlockedAddress);
    let named = through("http://example.com/", "http://proxy.test:3128".to_owned());
    let failed = broken(sender.send(request_of(named)).await);
    assert_eq!(
        failed.class,
        ErrorClass::BlockedAddress,
        "{}",
        failed.detail
    );
    let literal = through(
        "http://example.com/",
        "http://169.254.169.254:3128".to_owned(),
    );
    let endpoint = Endpoint::new(Arc::new(literal)).unwrap();
    let error = sender.prepare(&endpoint).unwrap_err();
    assert!(matches!(error, SenderError::BlockedProxy), "{error}");
    assert_eq!(proxy.traffic().requests(), 0);
}

#[tokio::test]
async fn a_name_behind_a_proxy_is_refused_if_it_means_a_blocked_address_here_too() {
    let proxy = answering(wire::Reply::status(StatusCode::ACCEPTED)).await;
    let through = |url: &str| Webhook {
        proxy: Some(Secret::new(proxy.url())),
        ..webhook("proxied", url)
    };
    // Which of several the proxy would take is not known here.
    let (sender, _) = resolving(&["127.0.0.1", "169.254.169.254"]);
    let sent = sender.send(request_of(through("http://metadata.test/")));
    let failed = broken(sent.await);
    assert_eq!(failed.class, ErrorClass::BlockedAddress);
    assert_eq!(proxy.traffic().requests(), 0);
    // A name that only the proxy knows is the proxy's to judge.
    let (sender, _) = resolving(&[]);
    let sent = sender.send(request_of(through("http://internal.test/")));
    assert_eq!(answered(sent.await).status, 202);
    let silent = HttpSender::resolving_by(Arc::new(Silent)).unwrap();
    let sent = silent.send(request_of(through("http://internal.test/")));
    assert_eq!(answered(sent.await).status, 202);
}

/// A resolver that never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Lookup for Silent {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn clients_are_kept_for_the_next_request_and_go_with_their_webhook() {
    let proxy = answering(wire::Reply::status(StatusCode::ACCEPTED)).await;
    let sender = HttpSender::new().unwrap();
    let endpoint = || {
        let hook = Webhook {
            proxy: Some(Secret::new(proxy.url())),
            ..webhook("proxied", "http://receiver.test/")
        };
        Endpoint::new(Arc::new(hook)).unwrap()
    };
    let id = EventId::from_stored("evt_1".to_owned());
    let first = endpoint();
    for _ in 0..3 {
        let request = first
            .request(&id, "{}", Timestamp::from_millis(1_000))
            .unwrap();
        assert_eq!(answered(sender.send(request).await).status, 202);
    }
    assert_eq!(proxy.traffic().connections(), 1);
    drop(first);
    for _ in 0..3 {
        sender.prepare(&endpoint()).unwrap();
    }
    assert_eq!(sender.own.lock().unwrap().len(), 1);
}
