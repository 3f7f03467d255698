//! Pictures, read as XML.

use roxmltree::{Document, Node};
use tollgate_ops::chart::{Axis, Bar, Chart, STYLE, Series};

/// 2026-01-31T09:00:00Z.
const NINE: f64 = 1_769_850_000.0;

const HOUR: f64 = 3600.0;

/// Returns hourly bars from nine o'clock on.
fn hours(heights: impl IntoIterator<Item = f64>) -> Vec<Bar> {
    let bar = |(index, height): (u32, f64)| {
        let from = NINE + HOUR * f64::from(index);
        Bar::new(from, from + HOUR, height)
    };
    (0..).zip(heights).map(bar).collect()
}

fn chart(bars: Vec<Bar>) -> Chart {
    let chart = Chart::new("tpm of user-1", Axis::time(), Axis::numbers("tokens"));
    chart.series(Series::bars("used", bars))
}

/// Returns the elements of a class.
fn of_class<'a, 'input>(picture: &'a Document<'input>, class: &str) -> Vec<Node<'a, 'input>> {
    let has = |node: &Node<'_, '_>| {
        let classes = node.attribute("class").unwrap_or_default();
        classes.split(' ').any(|one| one == class)
    };
    picture.descendants().filter(has).collect()
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// Returns all texts that the reader sees.
fn texts(picture: &Document<'_>) -> Vec<String> {
    let texts = picture
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts
        .map(|text| text.text().unwrap_or_default().to_owned())
        .collect()
}

/// Fails if a text or a shape leaves the picture, or a position is no number.
fn assert_inside(picture: &Document<'_>) {
    let root = picture.root_element();
    let (width, height) = (number(root, "width"), number(root, "height"));
    for node in picture.descendants().filter(|node| node.is_element()) {
        for (names, end) in [(["x", "x1", "x2"], width), (["y", "y1", "y2"], height)] {
            for name in names {
                if let Some(value) = node.attribute(name) {
                    let value: f64 = value.parse().unwrap();
                    assert!((0.0..=end).contains(&value), "{name} of {node:?}");
                }
            }
        }
        assert!(
            !node.attribute("d").unwrap_or_default().contains("NaN"),
            "{node:?}"
        );
    }
}

#[test]
fn a_picture_has_a_text_for_readers_who_cannot_see_it() {
    let text = chart(hours([1.0])).description("One hour.").svg(760);
    let picture = Document::parse(&text).unwrap();
    let root = picture.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let first: Vec<_> = root
        .children()
        .take(2)
        .map(|node| (node.tag_name().name(), node.text()))
        .collect();
    assert_eq!(
        first,
        [
            ("title", Some("tpm of user-1")),
            ("desc", Some("One hour."))
        ]
    );
    assert!(STYLE.contains("prefers-color-scheme:dark") && text.contains(STYLE));
}

#[test]
fn bars_are_as_high_as_their_numbers_and_say_them() {
    let text = chart(hours([10.0, 0.0, 40.0])).svg(760);
    let picture = Document::parse(&text).unwrap();
    let plot: Vec<_> = of_class(&picture, "f0")
        .into_iter()
        .filter(|bar| bar.has_children())
        .collect();
    assert_eq!(plot.len(), 2, "nothing is drawn for 0");
    let heights: Vec<_> = plot.iter().map(|bar| number(*bar, "height")).collect();
    assert!((heights[1] / heights[0] - 4.0).abs() < 0.02, "{heights:?}");
    let ends: Vec<_> = plot
        .iter()
        .map(|bar| number(*bar, "y") + number(*bar, "height"))
        .collect();
    assert!((ends[0] - ends[1]).abs() < 0.2, "{ends:?}");
    // A window apart: the bar between them is missing, and its place is not.
    let distance = number(plot[1], "x") - number(plot[0], "x");
    let width = number(plot[0], "width");
    assert!(
        distance > 2.0 * width && distance < 2.1 * width,
        "{distance} {width}"
    );
    let title = plot[1].first_element_child().unwrap().text();
    assert_eq!(title, Some("2026-01-31T11:00:00Z: 40 tokens (used)"));
    let shown = texts(&picture);
    for label in [
        "tokens",
        "UTC",
        "0",
        "10",
        "40",
        "09:00",
        "Jan 31, 2026",
        "used",
    ] {
        assert!(shown.iter().any(|text| text == label), "{label}: {shown:?}");
    }
}

#[test]
fn levels_are_drawn_at_their_height_unless_they_are_far_above() {
    let text = chart(hours([10.0, 40.0]))
        .level("limit", 50.0)
        .level("burst", 5000.0)
        .svg(760);
    let picture = Document::parse(&text).unwrap();
    let lines: Vec<_> = of_class(&picture, "level")
        .into_iter()
        .filter(|line| line.attribute("y1").is_some())
        .collect();
    assert_eq!(lines.len(), 1);
    let bar = of_class(&picture, "f0")[1];
    let zero = number(bar, "y") + number(bar, "height");
    let part = number(bar, "height") / (zero - number(lines[0], "y1"));
    assert!((part - 0.8).abs() < 0.01, "{part}");
    let shown = texts(&picture);
    assert!(shown.contains(&"limit: 50".to_owned()), "{shown:?}");
    assert!(
        shown.contains(&"burst: 5,000 (above the picture)".to_owned()),
        "{shown:?}"
    );
}

#[test]
fn a_line_is_interrupted_where_there_is_no_number() {
    let points = vec![(0.0, 1.0), (1.0, 10.0), (2.0, f64::NAN), (3.0, 100.0)];
    let chart = Chart::new("Latency", Axis::numbers("s"), Axis::logarithmic("ms"));
    let text = chart.series(Series::line("p99", points)).svg(760);
    let picture = Document::parse(&text).unwrap();
    let line = of_class(&picture, "line")[0].attribute("d").unwrap();
    assert_eq!(line.matches('M').count(), 2, "{line}");
    assert_inside(&picture);
}

#[test]
fn marks_and_bands_are_at_their_places() {
    let text = chart(hours([10.0, 40.0]))
        .series(Series::marks(
            "overdrawn",
            vec![(NINE + HOUR, 10.0), (f64::NAN, 1.0)],
        ))
        .band("records missing", NINE + HOUR, NINE + 2.0 * HOUR)
        .svg(760);
    let picture = Document::parse(&text).unwrap();
    let second = of_class(&picture, "f0")[1];
    let band = of_class(&picture, "band")[0];
    assert!((number(band, "x") - number(second, "x")).abs() < 0.2);
    let marks: Vec<_> = of_class(&picture, "mark")
        .into_iter()
        .filter(|mark| mark.has_children())
        .collect();
    assert_eq!(marks.len(), 1);
    assert!(
        marks[0]
            .attribute("d")
            .unwrap()
            .starts_with(&format!("M{} ", second.attribute("x").unwrap()))
    );
}

#[test]
fn names_are_never_markup() {
    let hostile = "</svg><script>alert('1')</script><b onload=\"x\">&amp;";
    let text = Chart::new(hostile, Axis::time(), Axis::numbers(hostile))
        .description(hostile)
        .series(Series::bars(
            hostile,
            vec![Bar::new(NINE, NINE + 1.0, 1.0).with_note(hostile)],
        ))
        .series(Series::marks(hostile, vec![(NINE, 1.0)]))
        .level(hostile, 1.0)
        .band(hostile, NINE, NINE + 1.0)
        .svg(760);
    let picture = Document::parse(&text).unwrap();
    let names: std::collections::BTreeSet<_> = picture
        .descendants()
        .filter(|node| node.is_element())
        .map(|node| node.tag_name().name())
        .collect();
    let known = [
        "desc", "line", "path", "rect", "style", "svg", "text", "title",
    ];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), known);
    let attributes = picture.descendants().flat_map(|node| node.attributes());
    assert!(
        attributes
            .into_iter()
            .all(|attribute| !attribute.name().starts_with("on"))
    );
    let title = picture.root_element().first_element_child().unwrap();
    assert_eq!(
        title.text(),
        Some(hostile),
        "a reader sees the name as it is"
    );
}

#[test]
fn every_size_of_data_and_of_numbers_stays_inside_of_the_picture() {
    let many = hours((0..1000).map(|hour| f64::from(hour % 24)));
    let huge = hours([9.2e18, -9.2e18, f64::MAX, f64::MIN, f64::INFINITY]);
    let long = Chart::new("t".repeat(5000), Axis::time(), Axis::numbers("u"));
    let long = long.series(Series::line("n".repeat(5000), vec![(NINE, 1.0)]));
    let charts = [
        chart(Vec::new()),
        chart(hours([0.0])),
        chart(hours([-5.0])),
        chart(hours([1e-9, 3e-9])),
        chart(hours([9.2e18])).level("limit", 9.2e18),
        chart(huge),
        chart(many.clone()),
        chart(Vec::new()).level("limit", 5.0).span(NINE, NINE),
        chart(vec![Bar::new(-1e300, 1e300, 5.0)]),
        Chart::new("h", Axis::logarithmic("ms"), Axis::logarithmic("requests")).series(
            Series::bars("r", vec![Bar::new(0.0, 1.0, 5.0), Bar::new(1.0, 1e6, 0.0)]),
        ),
        long,
    ];
    for chart in charts {
        for width in [0, 340, 760, 1600] {
            let text = chart.svg(width);
            let picture = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_inside(&picture);
            assert!(text.len() < 120_000, "{} bytes", text.len());
        }
    }
    let text = chart(many).inline_svg(340);
    let picture = Document::parse(&text).unwrap();
    assert!(
        of_class(&picture, "title").is_empty(),
        "the page has the heading"
    );
    let shape = of_class(&picture, "f0")[0];
    assert!(
        shape.attribute("d").unwrap().matches('M').count() <= 320,
        "at most one bar for each pixel"
    );
}
