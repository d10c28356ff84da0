//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate nearest to `word`, if one is near enough to be meant.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Longer texts are no slips of the hand, and would take long to compare.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let slips = (word.chars().count() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 4 * slips)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The question itself.
pub(super) fn did_you_mean(candidate: &str) -> String {
    format!("did you mean `{candidate}`?")
}

/// Names as a sentence has them: `a`, `b` and `c`; the first twenty of many.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .take(20)
        .map(|name| format!("`{name}`"))
        .collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some(_) if names.len() > 20 => {
            format!("{} and {} more", quoted.join(", "), names.len() - 20)
        }
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_are_recognised_and_other_words_are_not() {
        let known = ["interval", "live_interval", "jitter", "id"];
        let guess = |word| closest(word, known.into_iter());
        assert_eq!(guess("intervall"), Some("interval"));
        assert_eq!(guess("Intreval"), Some("interval"));
        assert_eq!(guess("liveinterval"), Some("live_interval"));
        assert_eq!(guess("ID"), Some("id"));
        assert_eq!(guess("password"), None);
        assert_eq!(guess(&"interval".repeat(1_000)), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(listed(&["x"; 25]).ends_with("and 5 more"));
    }
}
