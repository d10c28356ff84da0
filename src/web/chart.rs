//! Charts as SVG, drawn on the server: they show without a script and obey the page's colours.
//!
//! Pure: values in, markup out. Colours are classes of the style sheet (`line`, `area`, `bar`,
//! `axis`, `mark`), never attributes, so that light and dark themes both fit and a strict
//! Content-Security-Policy needs no exception. Every chart says in words what it shows.

use maud::{Markup, html};

use crate::domain::Timestamp;

/// Drawing units; the page scales them.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 160.0;
/// Room for the labels below and to the left.
const FOOT: f64 = 18.0;
const LEFT: f64 = 44.0;
/// Of a small curve without labels.
const SPARK: (f64, f64) = (120.0, 28.0);
/// Points of a curve at most: more are thinned, their peaks kept.
const MOST_POINTS: usize = 600;

/// One point of a curve over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// When.
    pub(crate) at: Timestamp,
    /// How much; not negative.
    pub(crate) value: f64,
}

/// A span of time that is drawn from edge to edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// At the left edge.
    pub(crate) from: Timestamp,
    /// At the right edge.
    pub(crate) to: Timestamp,
}

impl Span {
    /// Where `at` lies, 0 at the left edge and 1 at the right, never outside.
    fn place(self, at: Timestamp) -> f64 {
        let whole = self.to.since(self.from).as_secs_f64();
        if whole <= 0.0 {
            return 0.5;
        }
        (at.since(self.from).as_secs_f64() / whole).clamp(0.0, 1.0)
    }

    fn of(points: &[Point]) -> Option<Self> {
        Some(Self {
            from: points.iter().map(|p| p.at).min()?,
            to: points.iter().map(|p| p.at).max()?,
        })
    }
}

/// A small curve without axes; nothing for fewer than two points.
pub(crate) fn sparkline(points: &[Point], what: &str) -> Markup {
    let (width, height) = SPARK;
    let Some(span) = Span::of(points).filter(|_| points.len() > 1) else {
        return html! {};
    };
    let frame = Frame::new((0.0, 1.0, width, height - 2.0), span, highest(points));
    html! {
        svg.spark viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(what) {
            polyline.line points=(frame.polyline(points)) {}
        }
    }
}

/// A curve with its area, the highest value and the times of both ends.
pub(crate) fn curve(points: &[Point], what: &str) -> Markup {
    let Some(span) = Span::of(points) else {
        return html! { p.nothing { "Nothing was measured." } };
    };
    let top = highest(points);
    let frame = Frame::wide(span, top);
    let line = frame.polyline(points);
    let base = HEIGHT - FOOT;
    let (first, last) = (frame.x(span.from), frame.x(span.to));
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(what) {
            title { (what) }
            (frame.axes(&count(top)))
            @if points.len() > 1 {
                polygon.area points=(format!("{first:.1},{base:.1} {line} {last:.1},{base:.1}")) {}
                polyline.line points=(line) {}
            } @else {
                circle.mark cx=(px(first)) cy=(px(frame.y(top))) r="3" {}
            }
        }
    }
}

/// What a month's credits have become: the plan, what is used, and where it leads.
pub(crate) fn burn_down(month: Span, credits: u64, now: Point, projected: Option<u64>) -> Markup {
    let full = credits as f64;
    let frame = Frame::wide(month, full.max(1.0));
    let left = |used: f64| frame.y((full - used).clamp(0.0, full));
    let what = format!("{:.0} of {credits} credits used", now.value);
    let (start, here, end) = (frame.x(month.from), frame.x(now.at), frame.x(month.to));
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(what) {
            title { (what) }
            (frame.axes(&count(full)))
            (segment("plan", (start, left(0.0)), (end, left(full))))
            (segment("line", (start, left(0.0)), (here, left(now.value))))
            @if let Some(projected) = projected {
                (segment("guess", (here, left(now.value)), (end, left(projected as f64))))
            }
            circle.mark cx=(px(here)) cy=(px(left(now.value))) r="4" {}
        }
    }
}

/// A week by half hours, Monday first: `week[0]` is Monday 00:00; each value at least 0.
///
/// Strength is relative to the highest value; a week without any is drawn empty.
pub(crate) fn week(week: &[f32], what: &str) -> Markup {
    const CELL: (f64, f64) = (12.0, 16.0);
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let highest = week.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let place = |bin: usize| {
        let (day, half_hour) = (bin / 48, bin % 48);
        (LEFT + CELL.0 * half_hour as f64, CELL.1 * day as f64)
    };
    let (width, height) = (LEFT + 48.0 * CELL.0, 7.0 * CELL.1 + FOOT);
    html! {
        svg.week viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(what) {
            title { (what) }
            @for (day, name) in DAYS.iter().enumerate() {
                text.label x="0" y=(px(CELL.1 * day as f64 + 12.0)) { (name) }
            }
            @for (bin, value) in week.iter().take(336).enumerate() {
                @let (x, y) = place(bin);
                @let strength = f64::from((value / highest).clamp(0.0, 1.0));
                rect.cell x=(px(x)) y=(px(y)) width=(px(CELL.0 - 1.0)) height=(px(CELL.1 - 1.0))
                    fill-opacity=(format!("{:.2}", 0.06 + 0.94 * strength)) {}
            }
            @for hour in (0_usize..24).step_by(3) {
                text.label x=(px(LEFT + CELL.0 * 2.0 * hour as f64)) y=(px(height - 4.0)) {
                    (format!("{hour:02}:00"))
                }
            }
        }
    }
}

/// One bar of [`bars`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// When.
    pub(crate) at: Timestamp,
    /// A class of the style sheet: what it says.
    pub(crate) class: &'static str,
}

/// A bar for each moment, from edge to edge of `span`; moments outside of it are left out.
pub(crate) fn bars(bars: &[Bar], span: Span, what: &str) -> Markup {
    const TALL: f64 = 34.0;
    let inside = |bar: &&Bar| bar.at >= span.from && bar.at <= span.to;
    html! {
        svg.bars viewBox=(format!("0 0 {WIDTH} {}", TALL + FOOT)) role="img" aria-label=(what) {
            title { (what) }
            @for bar in bars.iter().filter(inside) {
                rect.bar.(bar.class) x=(px(span.place(bar.at) * (WIDTH - 2.0))) y="0" width="2" height=(px(TALL)) {}
            }
            (ends(span, TALL + FOOT, 0.0))
        }
    }
}

/// Where values become places.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Left, top, right, bottom.
    edges: (f64, f64, f64, f64),
    span: Span,
    top: f64,
}

impl Frame {
    fn new(edges: (f64, f64, f64, f64), span: Span, top: f64) -> Self {
        Self { edges, span, top }
    }

    fn wide(span: Span, top: f64) -> Self {
        Self::new((LEFT, 8.0, WIDTH - 4.0, HEIGHT - FOOT), span, top)
    }

    fn x(&self, at: Timestamp) -> f64 {
        let (left, _, right, _) = self.edges;
        left + (right - left) * self.span.place(at)
    }

    fn y(&self, value: f64) -> f64 {
        let (_, upper, _, lower) = self.edges;
        lower - (lower - upper) * (value / self.top.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn polyline(&self, points: &[Point]) -> String {
        let places = thinned(points).map(|p| format!("{:.1},{:.1}", self.x(p.at), self.y(p.value)));
        places.collect::<Vec<_>>().join(" ")
    }

    fn axes(&self, top: &str) -> Markup {
        let (left, upper, right, lower) = self.edges;
        html! {
            (segment("axis", (left, lower), (right, lower)))
            (segment("axis", (left, upper), (left, lower)))
            text.label x="0" y=(px(upper + 8.0)) { (top) }
            text.label x="0" y=(px(lower)) { "0" }
            (ends(self.span, HEIGHT, left))
        }
    }
}

/// The times at both ends of a span, in UTC.
fn ends(span: Span, foot: f64, left: f64) -> Markup {
    html! {
        text.label x=(px(left)) y=(px(foot - 4.0)) { (minute(span.from)) }
        text.label.end x=(px(WIDTH - 4.0)) y=(px(foot - 4.0)) { (minute(span.to)) }
    }
}

fn segment(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    html! { line.(class) x1=(px(from.0)) y1=(px(from.1)) x2=(px(to.0)) y2=(px(to.1)) {} }
}

/// At most [`MOST_POINTS`], of each group the highest.
fn thinned(points: &[Point]) -> impl Iterator<Item = Point> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    points.chunks(group).filter_map(|group| {
        group
            .iter()
            .copied()
            .max_by(|a, b| a.value.total_cmp(&b.value))
    })
}

fn highest(points: &[Point]) -> f64 {
    points.iter().map(|p| p.value).fold(1.0, f64::max)
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// `2026-02-27 18:36`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// `950`, `15.2k`, `42.6M`.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if v >= 999_500.0 => format!("{:.1}M", v / 1e6),
        v if v >= 9_999.5 => format!("{:.1}k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        let at = |n: i64| Timestamp::from_millis(1_800_000_000_000 + 60_000 * n);
        let point = |(n, &value)| Point { at: at(n), value };
        (0..).zip(values).map(point).collect()
    }

    #[test]
    fn a_curve_reaches_its_highest_value_and_stays_in_its_frame() {
        let drawn = curve(&points(&[0.0, 15_200.0, 7_600.0]), "audience").into_string();
        insta::assert_snapshot!(drawn);
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_peak() {
        let mut values = vec![10.0; 100_000];
        values[77_777] = 1_000.0;
        let kept: Vec<Point> = thinned(&points(&values)).collect();
        assert!(kept.len() <= MOST_POINTS);
        assert!(kept.iter().any(|p| p.value > 999.0));
    }

    #[test]
    fn nothing_one_point_and_one_moment_are_drawn_without_a_number_that_is_none() {
        let one = points(&[5.0]);
        let same = [one[0], one[0]];
        let drawn = [
            curve(&[], "audience"),
            curve(&one, "audience"),
            curve(&same, "audience"),
            sparkline(&one, "audience"),
            sparkline(&same, "audience"),
            week(&[0.0; 336], "rhythm"),
        ];
        for markup in drawn {
            assert!(
                !markup.0.contains("NaN") && !markup.0.contains("inf"),
                "{}",
                markup.0
            );
        }
    }

    #[test]
    fn the_strongest_half_hour_is_the_darkest_cell() {
        let mut habit = [0.01; 336];
        habit[48 * 2 + 37] = 4.0;
        let drawn = week(&habit, "rhythm").into_string();
        assert_eq!(drawn.matches("class=\"cell\"").count(), 336);
        assert_eq!(drawn.matches("fill-opacity=\"1.00\"").count(), 1);
        let x = LEFT + 12.0 * 37.0;
        assert!(
            drawn.contains(&format!("x=\"{x:.1}\" y=\"32.0\"")),
            "Wednesday, 18:30"
        );
    }

    #[test]
    fn credits_burn_down_from_the_budget_and_never_below_nothing() {
        let month = Span {
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(30 * 86_400_000),
        };
        let now = Point {
            at: Timestamp::from_millis(15 * 86_400_000),
            value: 14_000.0,
        };
        insta::assert_snapshot!(burn_down(month, 25_000, now, Some(30_000)).into_string());
    }

    #[test]
    fn a_bar_outside_of_the_span_is_left_out_and_words_are_inert() {
        let span = Span {
            from: Timestamp::from_millis(1_000),
            to: Timestamp::from_millis(2_000),
        };
        let bar = |at| Bar {
            at: Timestamp::from_millis(at),
            class: "live",
        };
        let drawn = bars(
            &[bar(999), bar(1_000), bar(2_000), bar(2_001)],
            span,
            "<script>",
        );
        assert_eq!(drawn.0.matches("bar live").count(), 2);
        assert!(!drawn.0.contains("<script>"));
    }
}
