//! Lists in pages, one thing in full, and what is ordered, over a store with a past.

use serde_json::Value;

use super::*;
use crate::domain::RoomId;
use crate::store::Store as _;
use crate::store::contract::stage::{Actor, due, settlement};
use crate::store::history::History as _;
use crate::store::log::Status;
use crate::store::{DeliveryId, Fate};
use crate::web::views::{self, CreatorDetail, CreatorQuery};

/// `ada` was live five times, the last time still is; `bob` was once.
async fn with_a_past() -> Bench {
    let bench = Bench::start().await;
    let mut ada = Actor::new("ada", &["backend", "chat"]);
    for room in 1..=5 {
        let second = 1_000 * i64::try_from(room).unwrap();
        bench.store.commit(ada.live(room, second)).await.unwrap();
        bench
            .store
            .commit(ada.live(room, second + 60))
            .await
            .unwrap();
        if room < 5 {
            bench.store.commit(ada.offline(second + 600)).await.unwrap();
        }
    }
    let mut bob = Actor::new("bob", &["backend"]);
    bench.store.commit(bob.live(77, 1_500)).await.unwrap();
    bench.store.commit(bob.offline(1_600)).await.unwrap();
    bench
}

async fn json(bench: &Bench, path: &str) -> Value {
    let answer = bench.get(path).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What `of` says of every row of every page.
async fn walk(bench: &Bench, path: &str, (rows, of): (&str, &str)) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = json(bench, &format!("{path}&limit=2{cursor}")).await;
        let page_rows = page[rows].as_array().unwrap();
        assert!(page_rows.len() <= 2);
        found.extend(page_rows.iter().map(|row| row[of].to_string()));
        match &page["next"] {
            Value::Null => return found,
            Value::String(next) => cursor = format!("&cursor={next}"),
            next => cursor = format!("&cursor={next}"),
        }
    }
    panic!("{path} has no last page");
}

#[tokio::test]
async fn streams_come_in_pages_without_a_gap_or_a_repetition() {
    let bench = with_a_past().await;
    let all = walk(&bench, "/api/v1/streams?", ("streams", "id")).await;
    assert_eq!(all, ["\"5\"", "\"4\"", "\"3\"", "\"2\"", "\"77\"", "\"1\""]);
    let hers = walk(&bench, "/api/v1/streams?creator=@Ada", ("streams", "id")).await;
    assert_eq!(hers.len(), 5);
    let newest = json(&bench, "/api/v1/streams?limit=1").await["streams"][0].clone();
    let some = json(
        &bench,
        "/api/v1/streams?since=2026-02-27T19:09:00%2B00:00&until=2026-02-27T19:30:00Z",
    )
    .await;
    assert_eq!(some["streams"][0]["id"], "3");
    assert_eq!(some["streams"].as_array().unwrap().len(), 2, "{some}");
    assert_eq!(newest["ended_at"], Value::Null);
    assert_eq!(newest["detection_delay_seconds"], 3.0);
    assert_eq!(newest["peak_viewers"], 105);
    assert_eq!(newest["url"], "https://www.tiktok.com/@ada/live");
    let over = json(&bench, "/api/v1/streams?creator=bob").await["streams"][0].clone();
    assert_eq!(over["end_reason"], "offline");
    assert_eq!(over["duration_seconds"], 103.0);
}

#[tokio::test]
async fn a_room_that_came_back_has_the_samples_of_all_its_times() {
    let bench = Bench::start().await;
    let mut ada = Actor::new("ada", &[]);
    for second in [100, 5_000] {
        bench.store.commit(ada.live(7, second)).await.unwrap();
        bench.store.commit(ada.offline(second + 50)).await.unwrap();
    }
    let room = RoomId::new("7").unwrap();
    assert_eq!(
        bench.store.room(&room).await.unwrap().len(),
        2,
        "the room did not come back"
    );
    let times = walk(&bench, "/api/v1/streams/7/samples?", ("samples", "at")).await;
    assert_eq!(
        times,
        [
            "\"2026-02-27T18:38:22.000Z\"",
            "\"2026-02-27T20:00:02.000Z\""
        ]
    );
    let first = json(&bench, "/api/v1/streams/7/samples?limit=1").await;
    assert_eq!(first["samples"][0]["viewers"], 107);
}

#[tokio::test]
async fn deliveries_are_filtered_paged_shown_in_full_and_sent_again() {
    let bench = with_a_past().await;
    let all = walk(&bench, "/api/v1/deliveries?", ("deliveries", "id")).await;
    assert_eq!(all.len(), 30);
    assert!(all.is_sorted_by_key(|id| std::cmp::Reverse(id.parse::<i64>().unwrap())));
    let chat = walk(
        &bench,
        "/api/v1/deliveries?webhook=chat",
        ("deliveries", "webhook"),
    )
    .await;
    assert_eq!(chat, ["\"chat\""; 14]);
    let hers = walk(
        &bench,
        "/api/v1/deliveries?creator=bob&since=2026-02-27T18:40:00Z",
        ("deliveries", "creator"),
    )
    .await;
    assert_eq!(hers, ["\"bob\""; 2]);
    let none = json(&bench, "/api/v1/deliveries?status=failed").await;
    assert_eq!(
        (none["deliveries"].as_array().unwrap().len(), &none["next"]),
        (0, &Value::Null)
    );

    let head = due(&*bench.store, "chat", 99_999).await.remove(0);
    bench
        .store
        .settle(settlement(&head, Fate::Failed, 99_999))
        .await
        .unwrap();
    let failed = json(&bench, "/api/v1/deliveries?status=failed").await["deliveries"][0].clone();
    assert_eq!(failed["id"], head.id.0);
    assert_eq!(
        (&failed["due_at"], &failed["last_error"]),
        (&Value::Null, &Value::from("http_5xx"))
    );
    let path = format!("/api/v1/deliveries/{}", head.id.0);
    let whole = json(&bench, &path).await;
    assert_eq!(whole["status"], "failed");
    assert_eq!(whole["log"][0]["answer"], "\u{fffd} not UTF-8");
    assert_eq!(
        (
            &whole["log"][0]["took_seconds"],
            &whole["log"][0]["connect_seconds"]
        ),
        (&0.12.into(), &0.009.into())
    );
    let body: Value = serde_json::from_str(whole["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "stream.started");

    let again = bench.post(&format!("{path}/replay"), &[BEARER]).await;
    assert_eq!(again.status(), 202);
    let record = bench
        .store
        .delivery(DeliveryId(head.id.0))
        .await
        .unwrap()
        .unwrap()
        .record;
    assert_eq!(record.status, Status::Pending);
    let unknown = bench.post("/api/v1/deliveries/999/replay", &[BEARER]).await;
    assert_eq!(detail(unknown).await, "there is no delivery 999");
}

#[tokio::test]
async fn the_watchlist_is_asked_for_what_was_wanted() {
    let bench = Bench::start().await;
    json(
        &bench,
        "/api/v1/creators?state=live&search=AD&limit=7&cursor=@Aba",
    )
    .await;
    let wanted = CreatorQuery {
        after: Some("aba".parse().unwrap()),
        limit: 7,
        state: Some(views::State::Live),
        search: Some("ad".to_owned()),
    };
    json(&bench, "/api/v1/creators").await;
    let usual = CreatorQuery {
        limit: 100,
        ..CreatorQuery::default()
    };
    assert_eq!(*bench.monitor.asked.lock().unwrap(), [wanted, usual]);
    let ada = bench
        .get("/api/v1/creators/@Ada")
        .await
        .text()
        .await
        .unwrap();
    let ada: CreatorDetail = serde_json::from_str(&ada).unwrap();
    assert_eq!((ada.sequence, ada.creator.state), (41, views::State::Live));
}

#[tokio::test]
async fn a_feed_and_a_badge_are_where_the_page_says() {
    let bench = with_a_past().await;
    let feed = bench
        .get_with("/feeds/ada.atom", &[("x-forwarded-proto", "https")])
        .await;
    assert_eq!(
        feed.headers()["content-type"],
        "application/atom+xml; charset=utf-8"
    );
    let feed = feed.text().await.unwrap();
    assert_eq!(feed.matches("<entry>").count(), 5);
    let own = format!("href=\"https://{}/feeds/ada.atom\"", bench.address);
    assert!(feed.contains(&own), "{feed}");
    // Off the watchlist, and yet with a past.
    assert_eq!(bench.get("/feeds/bob.atom").await.status(), 200);
    let badge = bench.get("/badges/ada.svg").await;
    assert_eq!(
        badge.headers()["content-type"],
        "image/svg+xml; charset=utf-8"
    );
    assert!(
        badge
            .text()
            .await
            .unwrap()
            .contains("<title>ada: live</title>")
    );
}
