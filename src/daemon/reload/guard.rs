//! What is refused although it can be loaded: it looks like an accident.

use std::collections::HashSet;
use std::path::Path;

use crate::config::Config;
use crate::domain::Username;
use crate::domain::text::Printable;

/// A watchlist of more than so many creators loses no more than half of them at once.
const SMALL: usize = 20;

const MEANT: &str = "`allow_shrink = true` says that it is meant";

/// What there is to say of a file that holds nothing any more.
pub(super) fn emptied(file: &Path) -> String {
    let file = file.display().to_string();
    format!("{} is empty", Printable(&file))
}

/// Whether `new` may take the place of `old`, in which `now_empty` still held something.
pub(super) fn check(old: &Config, new: &Config, now_empty: Option<&Path>) -> Result<(), String> {
    if new.allow_shrink {
        return Ok(());
    }
    if let Some(file) = now_empty {
        return Err(format!("{}; {MEANT}", emptied(file)));
    }
    let kept: HashSet<&Username> = new.creators.iter().map(|c| &c.username).collect();
    let all = old.creators.len();
    let dropped = old.creators.iter().filter(|c| !kept.contains(&c.username));
    let dropped = dropped.count();
    if all > SMALL && 2 * dropped > all {
        return Err(format!("it drops {dropped} of {all} creators; {MEANT}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixtures::config;

    #[test]
    fn more_than_half_of_more_than_twenty_is_an_accident_unless_confirmed() {
        for (old, new, fine) in [
            (21, 11, true),
            (21, 10, false),
            (20, 1, true),
            (1_000, 500, true),
            (1_000, 499, false),
            (1_000, 2_000, true),
        ] {
            let (old, mut new) = (config(old), config(new));
            assert_eq!(check(&old, &new, None).is_ok(), fine, "{old:?}");
            new.allow_shrink = true;
            assert_eq!(check(&old, &new, Some(Path::new("a"))), Ok(()));
        }
    }

    #[test]
    fn others_in_the_place_of_all_are_a_drop_too() {
        let (old, mut new) = (config(30), config(60));
        new.creators.drain(..30);
        let why = check(&old, &new, None).unwrap_err();
        assert!(why.starts_with("it drops 30 of 30 creators"), "{why}");
    }

    #[test]
    fn a_file_that_became_empty_is_an_accident() {
        let why = check(&config(1), &config(1), Some(Path::new("creators.txt"))).unwrap_err();
        assert!(why.starts_with("creators.txt is empty"), "{why}");
    }
}
