//! The pages as pure functions: values in, markup out, whatever strangers wrote.

mod inert;
mod worlds;

use maud::Markup;

use self::worlds::{HOSTILE, NOW, World};
use super::*;
use crate::web::access::Standing;
use crate::web::login;
use crate::web::views::{LaneState, Reload};

fn visitor(standing: Standing, done: Option<Done>) -> Visitor {
    Visitor {
        standing,
        done,
        here: "/creators?q=%22%3E%3Cscript%3E&state=live".to_owned(),
        now: NOW,
    }
}

fn stranger() -> Visitor {
    visitor(Standing::Stranger, None)
}

/// Every page of a world, by its name.
fn pages(world: &World, visitor: &Visitor) -> Vec<(&'static str, Markup)> {
    let lane = world.home.lanes.first();
    let problem = Problem::bad_request(HOSTILE);
    let login = |remark| login::draw(visitor.standing, "/x?y=\"><script>", remark);
    vec![
        ("home", home::draw(&world.home, visitor)),
        (
            "creators",
            creators::draw(&world.wish(), &world.watchlist, visitor),
        ),
        ("creator", creator::draw(&world.portrait, visitor)),
        (
            "webhook",
            webhook::draw(
                ("backend", lane),
                &webhook::Wish::default(),
                &world.deliveries(),
                visitor,
            ),
        ),
        ("delivery", delivery::draw(&world.delivery, visitor)),
        ("login", login(login::Remark::WrongToken)),
        ("logged out", login(login::Remark::LoggedOut)),
        ("failure", failure_page(&problem)),
    ]
}

fn drawn(world: &World) -> String {
    let pages = pages(world, &stranger());
    pages
        .into_iter()
        .map(|(_, page)| page.into_string())
        .collect()
}

#[test]
fn no_page_has_anything_that_could_run_or_load_from_elsewhere() {
    let standings = [Standing::NoToken, Standing::Stranger, Standing::LoggedIn];
    let mut seen = 0;
    for mut world in [World::busy(), World::hostile(), World::empty()] {
        for standing in standings {
            for done in [None, Some(Done::LoggedIn), Some(Done::Replayed)] {
                for covers in [false, true] {
                    world.home.covers = covers;
                    for (name, page) in pages(&world, &visitor(standing, done)) {
                        inert::check(name, &page.into_string());
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(seen, 3 * 3 * 3 * 2 * 8);
}

#[test]
fn the_check_itself_sees_what_must_not_be_there() {
    for bad in [
        "<p onclick=\"x\">",
        "<p style=\"x\">",
        "<script>alert(1)</script>",
        "<script src=\"https://evil.example/\"></script>",
        "<img src=\"x\" onerror=\"alert(1)\">",
        "<a href=\"javascript:alert(1)\">",
        "<a href=\"//evil.example\">",
        "<iframe src=\"/\">",
        "a < b",
        "\u{1b}[31m",
    ] {
        let caught = std::panic::catch_unwind(|| inert::check("bad", bad));
        assert!(caught.is_err(), "{bad}");
    }
}

#[test]
fn what_strangers_wrote_is_shown_as_they_wrote_it_and_marks_are_kept_apart() {
    let page = drawn(&World::hostile());
    let shown = "&lt;script&gt;alert(1)&lt;/script&gt;";
    // Titles, names, labels, notes, errors, bodies and answers of the fixture.
    assert!(
        page.matches(shown).count() >= 12,
        "{}",
        page.matches(shown).count()
    );
    for (place, _) in page.match_indices('\u{202e}') {
        let before = &page[..place];
        let open = before.matches("<bdi>").count() - before.matches("</bdi>").count();
        assert_eq!(open, 1, "…{}", &before[before.len().saturating_sub(80)..]);
    }
}

#[test]
fn addresses_that_are_not_tiktoks_become_no_links_and_pictures_are_loaded_on_request_alone() {
    let mut world = World::busy();
    let page = home::draw(&world.home, &stranger()).into_string();
    assert!(page.contains("href=\"https://www.tiktok.com/@ada/live\""));
    assert!(
        !page.contains("<img"),
        "covers are shown only when asked for"
    );
    world.home.covers = true;
    let page = home::draw(&world.home, &stranger()).into_string();
    assert!(page.contains("<img class=\"cover\" src=\"https://p16.example/cover.jpg\""));
    let mut world = World::hostile();
    world.home.covers = true;
    let page = drawn(&world);
    assert!(!page.contains("href=\"javascript") && !page.contains("src=\"data"));
    assert_eq!(page.matches("tiktok.com").count(), 0);
}

#[test]
fn an_empty_world_says_so_in_words() {
    let world = World::empty();
    let page = drawn(&world);
    for words in [
        "Nobody on the watchlist is live.",
        "No poll is planned.",
        "No webhook is configured.",
        "Nothing has happened yet.",
        "No budget is set.",
        "Nobody.",
        "This creator is not on the watchlist any more.",
        "No stream was seen yet.",
        "No start with a known time was seen yet.",
        "This webhook is not in the configuration",
        "None yet.",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"));
    assert!(!page.contains("<tbody></tbody>") && !page.contains("<ul class=\"cards\"></ul>"));
}

#[test]
fn each_reason_for_doubt_has_a_banner_in_words() {
    let mut overview = (*World::busy().home.overview).clone();
    let banners = |overview: &_| notices::draw(overview, NOW).into_string();
    overview.degraded.clear();
    overview.reload = Reload {
        successful: true,
        at: NOW,
        problem: None,
    };
    overview.credits.budget.as_mut().unwrap().exhausted_at = None;
    assert!(!banners(&overview).contains("notice\""));
    for (reason, words) in [
        ("source_failing", "gives no usable answers"),
        ("key_refused", "refuses the key"),
        ("credits_exhausted", "No credits are left"),
        ("mass_flip", "changed at once"),
        ("falling_behind", "Polls start late"),
        ("something_new", "something_new"),
    ] {
        overview.degraded = vec![worlds::degraded(reason)];
        let drawn = banners(&overview);
        assert!(
            drawn.contains(words) && drawn.contains("role=\"alert\""),
            "{drawn}"
        );
    }
    overview.degraded.clear();
    overview.reload.successful = false;
    overview.reload.problem = Some("line 3: <b>".to_owned());
    let refused = banners(&overview);
    assert!(refused.contains("not what runs") && refused.contains("line 3: &lt;b&gt;"));
    overview.reload.successful = true;
    overview.credits.budget.as_mut().unwrap().exhausted_at = Some(NOW.plus(worlds::DAY));
    assert!(banners(&overview).contains("used up <time"));
    overview.credits.budget.as_mut().unwrap().remaining = 0;
    assert!(!banners(&overview).contains("used up"), "it is in the past");
}

#[test]
fn every_state_of_a_webhook_is_told() {
    for state in LaneState::ALL {
        let mut world = World::busy();
        let lanes = std::sync::Arc::make_mut(&mut world.home.lanes);
        lanes[0].state = state;
        lanes[0].paused_until = Some(NOW.plus(worlds::DAY));
        let badge = format!("<span class=\"badge {0}\">{0}</span>", state.label());
        let pages = pages(&world, &stranger());
        for (name, page) in pages
            .iter()
            .filter(|(name, _)| ["home", "webhook"].contains(name))
        {
            assert!(page.0.contains(&badge), "{name}: {badge}");
        }
        assert!(pages[3].1.0.contains("paused by the receiver until <time"));
    }
}

#[test]
fn buttons_are_for_whoever_may_press_them() {
    let world = World::busy();
    let page = |standing| delivery::draw(&world.delivery, &visitor(standing, None)).into_string();
    let (nobody, stranger, known) = (
        page(Standing::NoToken),
        page(Standing::Stranger),
        page(Standing::LoggedIn),
    );
    assert!(nobody.contains("disabled>Send again") && !nobody.contains("Log "));
    assert!(stranger.contains("asks for the token") && stranger.contains(">Log in<"));
    assert!(known.contains("action=\"/deliveries/7/replay\"") && known.contains(">Log out<"));
    assert!(!known.contains("asks for the token") && !known.contains("disabled"));
}

#[test]
fn what_was_done_is_said_once_and_not_again_by_a_page_that_renews_itself() {
    let world = World::busy();
    let plain = home::draw(&world.home, &stranger()).into_string();
    assert!(plain.contains("content=\"30\""));
    for done in [
        Done::LoggedIn,
        Done::LoggedOut,
        Done::Polled,
        Done::Replayed,
    ] {
        assert_eq!(Done::parse(done.name()), Some(done));
        let page = home::draw(&world.home, &visitor(Standing::LoggedIn, Some(done)));
        assert_eq!(page.0.matches("class=\"notice fine\"").count(), 1);
        assert!(page.0.contains("content=\"30;url=?\""));
    }
    assert_eq!(Done::parse("<script>"), None);
}

#[test]
fn pages_can_be_read_without_seeing_them() {
    for (name, page) in pages(&World::busy(), &stranger()) {
        let page = page.into_string();
        assert!(
            page.starts_with("<!DOCTYPE html><html lang=\"en\""),
            "{name}"
        );
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        assert_eq!(page.matches("<main").count(), 1, "{name}");
        let levels: Vec<u32> = page
            .match_indices("<h")
            .filter_map(|(at, _)| {
                page.as_bytes()
                    .get(at + 2)
                    .and_then(|b| char::from(*b).to_digit(10))
            })
            .collect();
        assert_eq!(levels.first(), Some(&1), "{name}: {levels:?}");
        assert!(
            levels.windows(2).all(|two| two[1] <= two[0] + 1),
            "{name}: {levels:?}"
        );
        for chart in page.split("<svg").skip(1) {
            assert!(chart.starts_with(" class") || chart.starts_with(" viewBox"));
            let tag = chart.split('>').next().unwrap();
            assert!(
                tag.contains("role=\"img\"") && tag.contains("aria-label=\""),
                "{tag}"
            );
        }
    }
}
