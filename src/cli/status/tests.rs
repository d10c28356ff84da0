use super::*;
use crate::web::tests::{lane, overview};

#[test]
fn everything_is_told_in_a_screen_and_nothing_moves_the_terminal() {
    let mut overview = overview();
    overview.live[0].stream.title = Some("\u{1b}[31mred\nline".to_owned());
    let status = Status {
        overview,
        webhooks: vec![lane("backend")],
    };
    let text = for_people(&status);
    insta::assert_snapshot!(text);
    assert!(!text.contains('\u{1b}'));
}
