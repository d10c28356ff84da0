//! Charts as SVG, drawn on the server: they show without a script and obey the page's colours.
//!
//! Pure: values in, markup out. Colours are classes of the style sheet (`line`, `area`, `dot`,
//! `plan`, `cell`), never attributes, so that light and dark themes both fit and a strict
//! Content-Security-Policy needs no exception. Every chart says in words what it shows.

use std::time::Duration;

use maud::{Markup, html};

use crate::domain::Timestamp;

/// Drawing units; the style sheet says how large they are drawn.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;
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
    let Some(span) = Span::of(points).filter(|_| points.len() > 1) else {
        return html! {};
    };
    let frame = Frame::new(span, highest(points));
    canvas(
        "spark",
        what,
        &html! { polyline.line points=(frame.polyline(points)) {} },
    )
}

/// A curve with its area, the highest value and the times of both ends.
pub(crate) fn curve(points: &[Point], what: &str) -> Markup {
    let Some(span) = Span::of(points) else {
        return html! { p.nothing { "Nothing was measured." } };
    };
    let top = highest(points);
    let frame = Frame::new(span, top);
    let line = frame.polyline(points);
    let (first, last) = (frame.x(span.from), frame.x(span.to));
    let drawing = html! {
        @if points.len() > 1 {
            polygon.area points=(format!("{first:.1},{HEIGHT:.1} {line} {last:.1},{HEIGHT:.1}")) {}
            polyline.line points=(line) {}
        } @else {
            (segment("dot", (first, frame.y(top)), (first, frame.y(top))))
        }
    };
    figure(&count(top), span, &canvas("chart", what, &drawing))
}

/// What a month's credits have become: the plan, what is used, and where it leads.
pub(crate) fn burn_down(month: Span, credits: u64, now: Point, projected: Option<u64>) -> Markup {
    let full = credits as f64;
    let frame = Frame::new(month, full.max(1.0));
    let left = |used: f64| frame.y((full - used).clamp(0.0, full));
    let what = format!("{:.0} of {credits} credits used", now.value);
    let (start, end) = (frame.x(month.from), frame.x(month.to));
    let here = (frame.x(now.at), left(now.value));
    let drawing = html! {
        polygon.area points=(format!(
            "{start:.1},{HEIGHT:.1} {start:.1},{:.1} {:.1},{:.1} {:.1},{HEIGHT:.1}",
            left(0.0), here.0, here.1, here.0
        )) {}
        (segment("plan", (start, left(0.0)), (end, left(full))))
        (segment("line", (start, left(0.0)), here))
        @if let Some(projected) = projected {
            (segment("guess", here, (end, left(projected as f64))))
        }
        (segment("dot", here, here))
    };
    figure(&count(full), month, &canvas("chart", &what, &drawing))
}

/// A week by half hours, Monday first: `week[0]` is Monday 00:00; each value at least 0.
///
/// Strength is relative to the highest value; a week without any is drawn empty.
pub(crate) fn week(week: &[f32], what: &str) -> Markup {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let highest = week.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let drawing = html! {
        @for (bin, value) in week.iter().take(336).enumerate() {
            @let strength = f64::from((value / highest).clamp(0.0, 1.0));
            rect.cell x=(bin % 48 * 10) y=(bin / 48 * 10) width="9.4" height="9"
                fill-opacity=(format!("{:.2}", 0.07 + 0.93 * strength)) {}
        }
    };
    html! {
        figure.week {
            div.days aria-hidden="true" { @for day in DAYS { span { (day) } } }
            svg viewBox="0 0 480 70" preserveAspectRatio="none" role="img" aria-label=(what) {
                title { (what) }
                (drawing)
            }
            div.hours aria-hidden="true" {
                @for hour in (0_usize..24).step_by(3) { span { (format!("{hour:02}")) } }
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
    let inside = |bar: &&Bar| bar.at >= span.from && bar.at <= span.to;
    let drawing = html! {
        @for bar in bars.iter().filter(inside) {
            @let x = span.place(bar.at) * WIDTH;
            (segment(bar.class, (x, 0.0), (x, HEIGHT)))
        }
    };
    html! { figure.chart { (canvas("bars", what, &drawing)) (ends(span)) } }
}

/// Where values become places.
#[derive(Debug, Clone, Copy)]
struct Frame {
    span: Span,
    top: f64,
}

impl Frame {
    fn new(span: Span, top: f64) -> Self {
        Self { span, top }
    }

    fn x(&self, at: Timestamp) -> f64 {
        WIDTH * self.span.place(at)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - HEIGHT * (value / self.top.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn polyline(&self, points: &[Point]) -> String {
        let places = thinned(points).map(|p| format!("{:.1},{:.1}", self.x(p.at), self.y(p.value)));
        places.collect::<Vec<_>>().join(" ")
    }
}

/// The drawing, stretched to whatever room there is: its lines keep their width.
fn canvas(class: &str, what: &str, drawing: &Markup) -> Markup {
    html! {
        svg.(class) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(what) {
            title { (what) }
            (drawing)
        }
    }
}

/// The drawing with its labels, which are text beside it and as large on a phone as elsewhere.
fn figure(top: &str, span: Span, drawing: &Markup) -> Markup {
    html! {
        figure.chart.scaled {
            div.scale aria-hidden="true" { span { (top) } span { "0" } }
            (drawing)
            (ends(span))
        }
    }
}

/// The times at both ends of a span, in UTC.
fn ends(span: Span) -> Markup {
    let whole = span.to.since(span.from);
    html! {
        div.ends aria-hidden="true" {
            span { (label(span.from, whole)) } span { (label(span.to, whole)) }
        }
    }
}

/// A time in UTC, as exact as it has to be at one end of a span of `whole`.
fn label(at: Timestamp, whole: Duration) -> String {
    let text = at.to_string();
    let clock = |to: usize| text.get(11..to).unwrap_or_default();
    match whole.as_secs() {
        259_200.. => day(at),
        600.. => format!("{} {}", day(at), clock(16)),
        _ => clock(19).to_owned(),
    }
}

/// `27 Feb 18:36`, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    label(at, Duration::from_secs(600))
}

/// `27 Feb`.
fn day(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).and_then(|t| t.parse::<usize>().ok());
    match (
        part(5, 7).and_then(|m| MONTHS.get(m.checked_sub(1)?)),
        part(8, 10),
    ) {
        (Some(month), Some(day)) => format!("{day} {month}"),
        _ => text,
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
        let strongest = drawn.split("<rect").find(|cell| cell.contains("\"1.00\""));
        let place = strongest.unwrap();
        assert!(
            place.contains("x=\"370\" y=\"20\""),
            "Wednesday, 18:30: {place}"
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
    fn a_label_is_as_exact_as_its_span_needs() {
        let at: Timestamp = "2026-02-07T18:36:42Z".parse().unwrap();
        let label = |seconds| label(at, Duration::from_secs(seconds));
        assert_eq!(label(30 * 86_400), "7 Feb");
        assert_eq!(label(86_400), "7 Feb 18:36");
        assert_eq!(label(20), "18:36:42");
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
        assert_eq!(drawn.0.matches("class=\"live\"").count(), 2);
        assert!(!drawn.0.contains("<script>"));
    }
}
