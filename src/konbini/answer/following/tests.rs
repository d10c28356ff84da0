use serde_json::json;

use super::*;
use crate::domain::observation::Cause;

fn read(status: u16, body: &Value) -> FollowingFinding {
    read_following(status, &HeaderMap::new(), body.to_string().as_bytes()).finding
}

fn person(name: &str, is_live: &Value) -> Value {
    json!({"type": "Person", "id": "https://x", "url": "https://x", "isPrivate": false,
        "isVerified": true, "entityId": format!("id-{name}"), "preferredUsername": name,
        "isLive": is_live})
}

fn list(items: &[Value], next: &Value) -> Value {
    json!({"data": {"type": "OrderedCollectionPage", "orderedItems": items,
        "itemCount": items.len(), "totalItems": null, "cursor": null, "nextCursor": next,
        "next": null}})
}

fn page_of(finding: FollowingFinding) -> FollowingPage {
    match finding {
        FollowingFinding::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_come_with_name_stable_id_and_hint_and_the_cursor_as_it_is() {
    let items = [
        person("ann", &json!(true)),
        person("@Bob", &json!(false)),
        person("eve", &Value::Null),
    ];
    let page = page_of(read(200, &list(&items, &json!("1772217402000"))));
    let shown: Vec<_> = page
        .members
        .iter()
        .map(|m| (m.username.as_str(), m.profile.id.as_deref(), m.is_live))
        .collect();
    assert_eq!(
        shown,
        [
            ("ann", Some("id-ann"), Some(true)),
            ("bob", Some("id-@Bob"), Some(false)),
            ("eve", Some("id-eve"), None)
        ]
    );
    assert_eq!(page.next, Cursor::new("1772217402000"));
    let last = page_of(read(200, &list(&items, &Value::Null)));
    assert_eq!(last.next, None);
    let number = page_of(read(200, &list(&items, &json!(1_772_217_402_000_u64))));
    assert_eq!(number.next, Cursor::new("1772217402000"));
}

#[test]
fn a_member_that_cannot_be_named_or_is_of_the_wrong_type_hides_nobody_else() {
    let mut hostile = vec![
        json!(7),
        json!(null),
        json!("ann"),
        json!({}),
        json!({"preferredUsername": 7, "isLive": true}),
        json!({"preferredUsername": "a/../b", "isLive": true}),
        json!({"preferredUsername": "x".repeat(5_000), "isLive": true}),
        json!({"preferredUsername": "ann", "entityId": "two words", "isLive": "yes"}),
    ];
    hostile.push(person("bob", &json!(true)));
    let page = page_of(read(200, &list(&hostile, &Value::Null)));
    let names: Vec<_> = page.members.iter().map(|m| m.username.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
    assert_eq!(page.members[0].profile.id, None);
    assert_eq!(page.members[0].is_live, None);
}

#[test]
fn no_more_members_are_read_than_bounded() {
    let crowd: Vec<_> = (0..5_000)
        .map(|n| person(&format!("user{n}"), &json!(true)))
        .collect();
    let page = page_of(read(200, &list(&crowd, &Value::Null)));
    assert_eq!(page.members.len(), MAX_MEMBERS);
}

#[test]
fn a_page_of_another_form_says_nothing() {
    let ann = || vec![person("ann", &json!(true))];
    let without = |name: &str| {
        let mut page = list(&ann(), &Value::Null);
        page["data"].as_object_mut().unwrap().remove(name);
        page
    };
    let table = [
        without("orderedItems"),
        without("nextCursor"),
        json!({"data": {"orderedItems": {}, "nextCursor": null}}),
        json!({"data": [], "nextCursor": null}),
        list(&ann(), &json!("")),
        list(&ann(), &json!("two words")),
        list(&ann(), &json!("x".repeat(300))),
        list(&ann(), &json!({"cursor": 1})),
        list(&ann(), &json!(false)),
    ];
    for body in table {
        match read(200, &body) {
            FollowingFinding::Unclear(unclear) => assert_eq!(unclear.cause, Cause::Malformed),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn failures_are_told_apart_as_for_every_call() {
    let error = |code: &str| json!({"errors": [{"code": code, "message": "m"}], "data": null});
    assert_eq!(read(404, &error("not_found")), FollowingFinding::Hidden);
    let table = [
        (404, "route_not_found", Cause::NotTheApi),
        (400, "validation_error", Cause::InvalidUsername),
        (401, "invalid_api_key", Cause::KeyRefused),
        (402, "credits_exhausted", Cause::CreditsExhausted),
        (503, "service_unavailable", Cause::ServerFault),
    ];
    for (status, code, cause) in table {
        match read(status, &error(code)) {
            FollowingFinding::Unclear(unclear) => assert_eq!(unclear.cause, cause, "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn without_headers_a_fault_of_the_contract_is_free_and_a_page_is_not() {
    let cost = |status, body: &Value| {
        let answer = read_following(status, &HeaderMap::new(), body.to_string().as_bytes());
        answer.cost().used
    };
    let fault = json!({"errors": [{"code": "internal_error", "message": "m"}], "data": null});
    assert_eq!(cost(500, &fault), Some(0));
    assert_eq!(cost(200, &list(&[], &Value::Null)), None);
}
