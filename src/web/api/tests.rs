//! The API over sockets: what it answers, and everything that it refuses.

mod listening;
mod pages;

use http::Method;
use utoipa::openapi::OpenApi;

use super::*;
use crate::web::tests::{Bench, detail};

const BEARER: (&str, &str) = ("authorization", "Bearer s3cret");

/// Every method and path of the document, with something in place of each name.
fn described() -> Vec<(Method, String)> {
    let (_, document): (_, OpenApi) = assembled();
    let mut all = Vec::new();
    for (path, item) in &document.paths.paths {
        let path = path.replace("{username}", "ada").replace("{id}", "1");
        let path = match path.as_str() {
            "/feeds/{file}" => "/feeds/ada.atom".to_owned(),
            "/badges/{file}" => "/badges/ada.svg".to_owned(),
            _ => path,
        };
        assert!(!path.contains('{'), "{path}");
        let methods = [(Method::GET, &item.get), (Method::POST, &item.post)];
        let methods = methods.into_iter().filter(|(_, it)| it.is_some());
        all.extend(methods.map(|(method, _)| (method, path.clone())));
    }
    assert!(all.len() >= 16, "{all:?}");
    all
}

async fn send(
    bench: &Bench,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let url = format!("http://{}{path}", bench.address);
    let mut request = bench.client.request(method.clone(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn what_is_described_is_there_and_takes_no_other_method() {
    let bench = Bench::start().await;
    for (method, path) in described() {
        let answer = send(&bench, &method, &path, &[BEARER]).await;
        let status = answer.status();
        assert_ne!(status, 405, "{method} {path}");
        // No stream and no delivery is stored here: those alone may be missing.
        let stored = path.contains("/streams/1") || path.contains("/deliveries/1");
        assert_eq!(status == 404, stored, "{method} {path}: {status}");
        for other in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let refused = send(&bench, &other, &path, &[BEARER]).await;
            assert_eq!(refused.status(), 405, "{other} {path}");
            let allowed = refused.headers()["allow"].to_str().unwrap().to_owned();
            assert!(allowed.contains(method.as_str()), "{path} allows {allowed}");
            detail(refused).await;
        }
    }
}

/// A route beside its description would be missing in the document.
#[test]
fn what_is_there_is_described_or_is_a_page() {
    let web = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web");
    let (mut folders, mut found) = (vec![std::path::PathBuf::from(web)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("api/tests.rs") && path.extension().is_some_and(|e| e == "rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let routes = text.split(".route(\"").skip(1);
                found.extend(routes.map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
    }
    assert!(found.contains(&"/login".to_owned()), "{found:?}");
    let pages = [
        "",
        "login",
        "logout",
        "assets",
        "creators",
        "webhooks",
        "deliveries",
    ];
    for route in found {
        let first = route.split('/').nth(1).unwrap().to_owned();
        assert!(pages.contains(&first.as_str()), "{route} is in no document");
    }
}

#[tokio::test]
async fn the_document_is_served_and_names_the_token() {
    let bench = Bench::start().await;
    let answer = bench.get("/api/v1/openapi.json").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    let text = document.to_string();
    for named in text.split("#/components/schemas/").skip(1) {
        let name = named.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name} is no schema"
        );
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has no word"
            );
            let takes_token = !operation["security"].is_null();
            assert_eq!(takes_token, method == "post", "{method} {path}");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, what) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                what.to_string().contains("\"description\""),
                "{name}.{field} has no word"
            );
        }
    }
}

#[tokio::test]
async fn a_parameter_that_is_misspelt_or_makes_no_sense_is_refused_by_its_name() {
    let bench = Bench::start().await;
    let refused = [
        ("creators?stat=live", "`stat`"),
        ("creators?state=LIVE", "state"),
        ("creators?limit=0", "from 1 to 200"),
        ("creators?limit=201", "from 1 to 200"),
        ("creators?limit=many", "from 1 to 200"),
        ("creators?limit=1&limit=2", "limit"),
        ("creators?cursor=!!", "cursor"),
        ("creators?search=aaaaaaaaaaaaaaaaaaaaaaaaa", "search"),
        ("streams?creators=ada", "`creators`"),
        (
            "streams?creator=https://www.tiktok.com/@ada",
            "write it as ada",
        ),
        ("streams?since=yesterday", "since"),
        ("streams?cursor=7", "not a cursor"),
        ("streams/1/samples?since=2026-01-01T00:00:00Z", "`since`"),
        ("deliveries?statsu=failed", "`statsu`"),
        ("deliveries?status=lost", "status"),
        ("deliveries?cursor=-1", "cursor"),
        ("deliveries?cursor=9223372036854775808", "cursor"),
        ("deliveries/one", "one"),
        ("deliveries/1?verbose", "`verbose`"),
        ("status?verbose=1", "`verbose`"),
        ("plan?want_seconds=soon", "from 1 to 86400"),
        ("plan?want_seconds=0", "from 1 to 86400"),
        ("plan?want=5m", "`want`"),
        ("changes?since=1", "`since`"),
        ("openapi.json?v=2", "`v`"),
        ("creators/ada?full=1", "`full`"),
        ("creators/%ff", "UTF-8"),
    ];
    for (path, said) in refused {
        let answer = bench.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status(), 400, "{path}");
        let words = detail(answer).await;
        assert!(words.contains(said), "{path}: {words}");
    }
    let poll = bench
        .post("/api/v1/creators/ada/poll?now=1", &[BEARER])
        .await;
    assert_eq!(poll.status(), 400);
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_forecast_is_made_for_whom_and_what_is_asked() {
    let bench = Bench::start().await;
    let made = bench
        .get("/api/v1/plan?creator=@Ada&want_seconds=300")
        .await;
    assert_eq!(made.status(), 200);
    assert_eq!(made.text().await.unwrap(), r#"{"want":300}"#);
    let stranger = bench.get("/api/v1/plan?creator=nobody").await;
    assert_eq!(stranger.status(), 404);
}

#[tokio::test]
async fn everything_that_goes_wrong_is_a_problem_document() {
    let bench = Bench::start().await;
    for (path, status) in [
        ("/api/v1/nothing", 404),
        ("/api/v2/status", 404),
        ("/api/v1/creators/nobody", 404),
        ("/api/v1/streams/1/samples", 404),
        ("/api/v1/deliveries/99", 404),
        ("/feeds/nobody.atom", 404),
        ("/feeds/ada.rss", 404),
        ("/badges/nobody.svg", 404),
        ("/badges/!!.svg", 400),
    ] {
        let answer = bench.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        detail(answer).await;
    }
    let long = bench
        .client
        .post(format!("http://{}/api/v1/creators/ada/poll", bench.address));
    let long = long
        .bearer_auth("s3cret")
        .body(vec![b'x'; 65 * 1024])
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 413);
    detail(long).await;
    let json = bench.client.post(format!("http://{}/login", bench.address));
    let json = json.header("content-type", "application/json").body("{");
    let refused = json.send().await.unwrap();
    assert_eq!(refused.status(), 415);
    detail(refused).await;
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_address_answers_under_a_name_that_is_not_ours() {
    let bench = Bench::start().await;
    for (method, path) in described() {
        let rebound = [BEARER, ("host", "evil.example:9464")];
        let refused = send(&bench, &method, &path, &rebound).await;
        assert_eq!(refused.status(), 421, "{method} {path}");
        let words = detail(refused).await;
        assert!(!words.contains("ada"), "{words}");
    }
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_changed_without_the_token_or_from_another_site() {
    let bench = Bench::start().await;
    let posts = described();
    let posts: Vec<_> = posts
        .iter()
        .filter(|(method, _)| method == Method::POST)
        .collect();
    assert_eq!(posts.len(), 2);
    let refused: [(&[(&str, &str)], u16); 6] = [
        (&[], 401),
        (&[("authorization", "Bearer s3cre")], 401),
        (&[("authorization", "Bearer ")], 401),
        (&[("authorization", "Basic czNjcmV0")], 401),
        (&[BEARER, ("origin", "https://evil.example")], 403),
        (&[BEARER, ("sec-fetch-site", "cross-site")], 403),
    ];
    for (headers, status) in refused {
        for (_, path) in &posts {
            let answer = bench.post(path, headers).await;
            assert_eq!(answer.status(), status, "{path} with {headers:?}");
            assert!(!detail(answer).await.contains("s3cret"));
        }
    }
    assert!(bench.monitor.polled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_page_elsewhere_may_read_an_answer_and_every_answer_is_inert() {
    let bench = Bench::start().await;
    let mut all = described();
    for path in [
        "/api/v1/nothing",
        "/api/v1/deliveries?x=1",
        "/",
        "/login",
        "/creators",
    ] {
        all.push((Method::GET, path.to_owned()));
        all.push((Method::OPTIONS, path.to_owned()));
    }
    let elsewhere = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    for (method, path) in all {
        for extra in [&[BEARER][..], &elsewhere] {
            let answer = send(&bench, &method, &path, extra).await;
            let headers = answer.headers();
            let open = headers
                .keys()
                .find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(open, None, "{method} {path}");
            assert_eq!(
                headers["x-content-type-options"], "nosniff",
                "{method} {path}"
            );
            assert_eq!(headers["referrer-policy"], "same-origin");
            assert_eq!(headers["x-frame-options"], "DENY");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
            assert!(headers.contains_key("cache-control"));
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
        }
    }
}
