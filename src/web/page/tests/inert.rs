//! Reads a page as a browser would and fails on whatever could run, or load from elsewhere.
//!
//! Strict rather than clever: markup that is not as `maud` writes it fails too.

/// Elements that pages are made of.
const ELEMENTS: &[&str] = &[
    "a", "article", "bdi", "body", "button", "code", "dd", "div", "dl", "dt", "em", "figure",
    "footer", "form", "h1", "h2", "h3", "head", "header", "html", "img", "input", "label", "li",
    "line", "link", "main", "meta", "nav", "noscript", "option", "p", "polygon", "polyline", "pre",
    "rect", "script", "section", "select", "span", "strong", "svg", "table", "tbody", "td", "th",
    "thead", "time", "title", "tr", "ul",
];
/// Attributes that can do nothing by themselves; `id` and `class` come from us alone.
const ATTRIBUTES: &[&str] = &[
    "alt",
    "aria-current",
    "aria-hidden",
    "aria-label",
    "autocomplete",
    "autofocus",
    "charset",
    "class",
    "content",
    "data-due",
    "data-exact",
    "data-now",
    "data-part",
    "data-since",
    "datetime",
    "defer",
    "disabled",
    "fill-opacity",
    "for",
    "height",
    "http-equiv",
    "id",
    "lang",
    "loading",
    "maxlength",
    "method",
    "name",
    "points",
    "preserveAspectRatio",
    "referrerpolicy",
    "rel",
    "required",
    "role",
    "scope",
    "selected",
    "tabindex",
    "title",
    "type",
    "value",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

/// Fails on anything in `page` that is not inert.
pub(super) fn check(name: &str, page: &str) {
    let control = page.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{name}: a control character");
    let rest = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    for part in rest.split('<').skip(1) {
        let (tag, text) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("{name}: <{part}"));
        check_tag(name, tag);
        if tag.starts_with("script") {
            assert_eq!(text, "", "{name}: an inline script");
        }
    }
}

fn check_tag(name: &str, tag: &str) {
    let tag = tag.trim_start_matches('/');
    let (element, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(ELEMENTS.contains(&element), "{name}: <{tag}>");
    let mut sourced = false;
    while !rest.is_empty() {
        let (attribute, value, after) = attribute(rest).unwrap_or_else(|| panic!("{name}: {tag}"));
        check_attribute(name, element, attribute, value);
        sourced |= attribute == "src";
        rest = after;
    }
    assert!(
        element != "script" || sourced || tag == "script",
        "{name}: <{tag}>"
    );
}

/// The first attribute, its value if it has one, and the rest.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start();
    let end = text.find([' ', '=']).unwrap_or(text.len());
    let (attribute, rest) = text.split_at(end);
    let Some(quoted) = rest.strip_prefix("=\"") else {
        return (!rest.starts_with('=')).then_some((attribute, "", rest));
    };
    let (value, rest) = quoted.split_once('"')?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((attribute, value, rest))
}

fn check_attribute(name: &str, element: &str, attribute: &str, value: &str) {
    let local = value.starts_with('/') && !value.starts_with("//");
    let fine = match (element, attribute) {
        ("a", "href") => local || value == "#main" || value.starts_with("https://www.tiktok.com/"),
        ("link", "href") => value == "/assets/style.css" || value == "data:,",
        ("form", "action") => local,
        ("script", "src") => value == "/assets/live.js",
        ("img", "src") => value.starts_with("https://"),
        _ => ATTRIBUTES.contains(&attribute),
    };
    assert!(fine, "{name}: <{element} {attribute}=\"{value}\">");
}
