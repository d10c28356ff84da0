use super::*;

const LOOPBACK: &str = "127.0.0.1:9464";
const EVERYWHERE: &str = "0.0.0.0:9464";

fn with_token(token: Option<&str>) -> Arc<Config> {
    let mut config = crate::config::fixtures::config(1);
    config.http.hosts = vec!["tally.example.com".to_owned()];
    config.http.token = token.map(Secret::new);
    Arc::new(config)
}

fn access(address: &str, token: Option<&str>) -> Access {
    let (_, config) = watch::channel(with_token(token));
    Access::new(config, address.parse().unwrap())
}

#[test]
fn another_token_holds_from_the_next_request_on() {
    let (configs, config) = watch::channel(with_token(Some("old")));
    let access = Access::new(config, EVERYWHERE.parse().unwrap());
    let bearer = |token: &str| [("authorization", format!("Bearer {token}"))];
    let asks = |token: &str| {
        let [(name, value)] = bearer(token);
        read(&access, "/", &[("host", "x"), (name, &value)])
    };
    assert_eq!((asks("old"), asks("new")), (Ok(()), Err(Refusal::Token)));
    configs.send(with_token(Some("new"))).unwrap();
    assert_eq!((asks("old"), asks("new")), (Err(Refusal::Token), Ok(())));
    configs.send(with_token(None)).unwrap();
    assert_eq!(asks("new"), Err(Refusal::NoToken), "closed, not open");
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn read(access: &Access, path: &str, pairs: &[(&'static str, &str)]) -> Result<(), Refusal> {
    access.check(&Method::GET, path, &headers(pairs))
}

fn post(access: &Access, pairs: &[(&'static str, &str)]) -> Result<(), Refusal> {
    access.check(&Method::POST, "/api/v1/x", &headers(pairs))
}

#[test]
fn on_loopback_only_names_of_this_machine_and_of_the_configuration_are_answered() {
    let access = access(LOOPBACK, None);
    for host in [
        "127.0.0.1:9464",
        "127.0.0.1",
        "localhost:9464",
        "LOCALHOST",
        "[::1]:9464",
        "[::1]",
        "127.1.2.3:1",
        "Tally.example.com",
        "tally.example.com:443",
    ] {
        assert_eq!(read(&access, "/", &[("host", host)]), Ok(()), "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:9464",
        "127.0.0.1.evil.example",
        "localhost.evil.example:9464",
        "192.0.2.1:9464",
        "",
        "x:y:z",
    ] {
        let refused = read(&access, "/", &[("host", host)]);
        assert_eq!(refused, Err(Refusal::Host), "{host}");
        let health = read(&access, "/healthz", &[("host", host)]);
        assert_eq!(health, Err(Refusal::Host), "{host}");
    }
    assert_eq!(read(&access, "/", &[]), Err(Refusal::Host));
    let two = [("host", "localhost"), ("host", "evil.example")];
    assert_eq!(read(&access, "/", &two), Err(Refusal::Host));
}

#[test]
fn beyond_loopback_reading_takes_the_token_but_probes_and_the_form_do_not() {
    let access = access(EVERYWHERE, Some("s3cret"));
    let host = ("host", "192.0.2.1:9464");
    for path in ["/", "/metrics", "/api/v1/status", "/healthz/", "/login/x"] {
        assert_eq!(read(&access, path, &[host]), Err(Refusal::Token), "{path}");
        let right = [host, ("authorization", "Bearer s3cret")];
        assert_eq!(read(&access, path, &right), Ok(()));
    }
    for path in ["/healthz", "/readyz", "/login"] {
        assert_eq!(read(&access, path, &[host]), Ok(()), "{path}");
    }
    for wrong in [
        "Bearer s3cre",
        "Bearer s3crett",
        "Bearer ",
        "Basic s3cret",
        "s3cret",
    ] {
        let wrong = [host, ("authorization", wrong)];
        assert_eq!(read(&access, "/", &wrong), Err(Refusal::Token), "{wrong:?}");
    }
}

#[test]
fn changing_takes_the_token_everywhere() {
    let host = ("host", "localhost:9464");
    let bearer = ("authorization", "Bearer s3cret");
    assert_eq!(
        post(&access(LOOPBACK, None), &[host]),
        Err(Refusal::NoToken)
    );
    assert_eq!(
        post(&access(LOOPBACK, None), &[host, bearer]),
        Err(Refusal::NoToken)
    );
    for address in [LOOPBACK, EVERYWHERE] {
        let access = access(address, Some("s3cret"));
        assert_eq!(post(&access, &[host]), Err(Refusal::Token));
        assert_eq!(post(&access, &[host, bearer]), Ok(()));
        let other = access.check(&Method::DELETE, "/healthz/x", &headers(&[host]));
        assert_eq!(other, Err(Refusal::Token));
    }
    assert_eq!(
        post(
            &access(LOOPBACK, Some("")),
            &[host, ("authorization", "Bearer ")]
        ),
        Err(Refusal::Token)
    );
}

#[test]
fn a_page_of_another_site_changes_nothing_even_with_the_token() {
    let access = access(LOOPBACK, Some("s3cret"));
    let with = |name, value| {
        let host = ("host", "localhost:9464");
        post(
            &access,
            &[host, ("authorization", "Bearer s3cret"), (name, value)],
        )
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:1"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(
            with(name, value),
            Err(Refusal::CrossSite),
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("origin", "http://localhost:9464"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
    ] {
        assert_eq!(with(name, value), Ok(()), "{name}: {value}");
    }
    // The form is posted without a token, but not from elsewhere.
    let login = headers(&[("host", "localhost"), ("origin", "https://evil.example")]);
    let posted = access.check(&Method::POST, "/login", &login);
    assert_eq!(posted, Err(Refusal::CrossSite));
}

#[test]
fn the_cookie_opens_what_the_token_opens_and_does_not_hold_it() {
    let access = access(EVERYWHERE, Some("s3cret"));
    assert_eq!(access.session("wrong"), None);
    let cookie = access.session("s3cret").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert!(!cookie.contains("s3cret"));
    let pair = cookie.split(';').next().unwrap();
    let host = ("host", "192.0.2.1");
    let sent = format!("theme=dark; {pair}");
    assert_eq!(read(&access, "/", &[host, ("cookie", &sent)]), Ok(()));
    let forged = format!("{pair}x");
    let forged = read(&access, "/", &[host, ("cookie", &forged)]);
    assert_eq!(forged, Err(Refusal::Token));
    let another = super::tests::access(EVERYWHERE, Some("another"));
    let old = read(&another, "/", &[host, ("cookie", pair)]);
    assert_eq!(old, Err(Refusal::Token), "a new token ends old sessions");
    assert!(!format!("{access:?}").contains("s3cret"));
}
