use serde_json::Value;

use super::super::wire::loopback;
use super::*;

fn ann() -> Username {
    "ann".parse().unwrap()
}

async fn simulated() -> (Simulator, Handle) {
    let clock = Clock::simulated("2026-02-27T18:00:00Z".parse().unwrap());
    let listener = loopback().await.unwrap();
    let simulator = Simulator::start(listener, World::new(), Account::default(), clock).unwrap();
    let handle = simulator.handle();
    handle.set_live(&ann(), None);
    (simulator, handle)
}

/// Asks as a stranger to this crate would: status, error code if any, credits used if said.
async fn asked(url: &str, key: Option<&str>) -> (u16, Option<String>, Option<String>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .build()
        .unwrap();
    let mut request = client.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let used = answer.headers().get("x-credits-used").cloned();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let code = body["errors"][0]["code"].as_str().map(str::to_owned);
    assert_eq!(code.is_some(), body["data"].is_null());
    (
        status,
        code,
        used.map(|used| used.to_str().unwrap().to_owned()),
    )
}

#[tokio::test]
async fn every_answer_without_a_fault_is_the_contracts() {
    let (simulator, handle) = simulated().await;
    let key = Account::default().key;
    let users = "/v1/tiktok/users";
    let wrong = Some("knbn_wrong");
    let right = Some(key.as_str());
    let table = [
        ("/ann/live", None, 401, "missing_api_key", None),
        ("/ann/live", wrong, 401, "invalid_api_key", None),
        ("/ann/live", right, 200, "", Some("1")),
        ("/@Ann/live", right, 200, "", Some("1")),
        ("/%40ann/live", right, 200, "", Some("1")),
        ("/bob/live", right, 404, "not_found", Some("1")),
        ("/bob", right, 404, "not_found", Some("1")),
        ("/ann", right, 200, "", Some("1")),
        ("/a%20b/live", right, 400, "validation_error", Some("0")),
        ("/x/live", right, 400, "validation_error", Some("0")),
        ("/ann/death", right, 404, "route_not_found", Some("0")),
    ];
    for (path, key, status, code, used) in table {
        let got = asked(&format!("{}{users}{path}", simulator.url()), key).await;
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        assert_eq!(
            got,
            (status, code, used.map(str::to_owned)),
            "{path} {key:?}"
        );
    }
    assert_eq!(handle.credits_used(), 6);
    handle.set_credits(0);
    let broke = asked(&format!("{}{users}/ann/live", simulator.url()), right).await;
    assert_eq!(broke.0, 402);
    assert_eq!(broke.1.as_deref(), Some("credits_exhausted"));
}

#[tokio::test]
async fn the_log_remembers_who_asked_for_what_and_only_so_much() {
    let (simulator, handle) = simulated().await;
    let key = Account::default().key;
    handle.fault_of(&ann(), Some(Fault::Error(500, "internal_error")));
    let url = format!("{}/v1/tiktok/users/ann/live", simulator.url());
    let ann = ann();
    let waiting = handle.wait_for_polls(&ann, 2);
    let asking = async {
        asked(&url, Some(&key)).await;
        asked(&url, Some(&key)).await;
    };
    tokio::join!(waiting, asking);
    let log = handle.log();
    assert_eq!(log.len(), 2);
    assert_eq!(
        (log[1].call, &log[1].username),
        (Call::Live, &Some(ann.clone()))
    );
    assert_eq!(log[1].fault, Some(Fault::Error(500, "internal_error")));
    assert_eq!(handle.credits_used(), 0);

    let one = log[0].clone();
    handle.change(|state| (0..MAX_LOGGED).for_each(|_| state.remember(one.clone())));
    assert_eq!(handle.log().len(), MAX_LOGGED);
    assert_eq!(handle.polls(&ann), MAX_LOGGED as u64 + 2);
}

#[tokio::test]
async fn a_handle_outlives_its_simulator_with_its_counters() {
    let (simulator, handle) = simulated().await;
    let key = Account::default().key;
    let url = format!("{}/v1/tiktok/users/ann/live", simulator.url());
    asked(&url, Some(&key)).await;
    simulator.stop().await;
    assert_eq!(handle.polls(&ann()), 1);
    assert_eq!(handle.traffic().requests(), 1);
}
