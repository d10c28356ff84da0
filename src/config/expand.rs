//! `${VAR}` in strings, after TOML has been parsed: a variable can hold anything and breaks nothing.
//!
//! `$${` is a literal `${`; a `$` before anything else is itself. The environment is an argument.

/// Looks up one variable of the environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a text could not be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// These variables are not set, in the order of the text.
    Unset(Vec<String>),
    /// A `${` without a name and `}` after it.
    Malformed,
}

/// `text` with every `${VAR}` replaced.
pub(super) fn expand(text: &str, env: Env<'_>) -> Result<String, ExpandError> {
    let mut expanded = String::with_capacity(text.len());
    let mut unset = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            expanded.push_str(escaped);
            expanded.push_str("${");
            rest = &reference[2..];
            continue;
        }
        expanded.push_str(before);
        let (name, after) = reference[2..]
            .split_once('}')
            .filter(|(name, _)| is_name(name))
            .ok_or(ExpandError::Malformed)?;
        match env(name) {
            Some(value) => expanded.push_str(&value),
            None if unset.iter().any(|known| known == name) => {}
            None => unset.push(name.to_owned()),
        }
        rest = after;
    }
    expanded.push_str(rest);
    if unset.is_empty() {
        Ok(expanded)
    } else {
        Err(ExpandError::Unset(unset))
    }
}

/// Whether `text` is made of variables alone, so that it tells nothing itself.
pub(super) fn is_reference(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(is_name)
}

/// Whether any variable occurs in `text`.
pub(super) fn mentions_variable(text: &str) -> bool {
    matches!(expand(text, &|_| None), Err(ExpandError::Unset(_)))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_once_and_escapes_are_kept() {
        for (text, expected) in [
            ("", ""),
            ("x${A}y${A}", "xoneyone"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("a$b {A} $", "a$b {A} $"),
            ("${NESTED}", "${A}"),
        ] {
            assert_eq!(expand(text, &env).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn every_unset_variable_is_named_once() {
        let unset = vec!["X".to_owned(), "Y_1".to_owned()];
        assert_eq!(
            expand("${X}${A}${Y_1}${X}", &env),
            Err(ExpandError::Unset(unset))
        );
    }

    #[test]
    fn a_reference_without_name_or_end_is_refused() {
        for text in ["${", "${}", "${A", "${A B}", "${1A}", "${A:-default}"] {
            assert_eq!(expand(text, &env), Err(ExpandError::Malformed), "{text}");
        }
    }

    #[test]
    fn knows_texts_that_say_nothing_themselves() {
        assert!(is_reference("${A}") && !is_reference("x${A}") && !is_reference("${A}${B}"));
        assert!(
            mentions_variable("x${A}") && !mentions_variable("$${A}") && !mentions_variable("x")
        );
    }
}
