//! Reports, read as XML.

use std::time::{Duration, UNIX_EPOCH};

use roxmltree::{Document, Node, ParsingOptions};
use tollgate::{
    EntityId, Limit, LimitName, Resource,
    model::{UsageSnapshot, UsageWindow},
};
use tollgate_ops::{report::UsageReport, stream::Gap, usage::WindowLength};

/// 2026-01-31T09:00:00Z.
const NINE: i64 = 1_769_850_000;

const HOUR: i64 = 3600;

/// Returns a snapshot of an hour after nine o'clock.
fn snapshot(entity: &str, hour: i64, counters: &[(&str, i64)]) -> UsageSnapshot {
    let start = UNIX_EPOCH + Duration::from_secs(u64::try_from(NINE + hour * HOUR).unwrap());
    let (entity, resource) = (
        EntityId::new(entity).unwrap(),
        Resource::new("gpt-4").unwrap(),
    );
    let mut snapshot = UsageSnapshot::new(entity, resource, UsageWindow::Hourly, start);
    for (name, tokens) in counters {
        snapshot
            .counters
            .insert(LimitName::new(name).unwrap(), *tokens);
    }
    snapshot
}

fn report(snapshots: impl IntoIterator<Item = UsageSnapshot>) -> UsageReport {
    let mut report = UsageReport::new("Usage of gpt-4", WindowLength::Hour);
    for snapshot in snapshots {
        report.add(&snapshot);
    }
    report
}

/// Runs a test on a page, which must be well-formed, and load and run nothing.
fn read<T>(html: &str, test: impl FnOnce(&Document<'_>) -> T) -> T {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let page = Document::parse_with_options(html, options)
        .unwrap_or_else(|error| panic!("{error}: {html}"));
    for node in page.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        assert!(
            !["script", "link", "img", "iframe", "object", "a", "b"].contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && name != "src" && name != "href",
                "{name}"
            );
        }
    }
    assert!(html.contains("default-src 'none'"));
    test(&page)
}

/// Returns the text of an element and all elements in it.
fn text_of(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter_map(|node| if node.is_text() { node.text() } else { None })
        .collect()
}

/// Returns the elements of a name below a node.
fn all<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Vec<Node<'a, 'input>> {
    node.descendants()
        .filter(|node| node.tag_name().name() == name)
        .collect()
}

/// Returns the rows of the table with a caption, in the section with a heading.
fn table(page: &Document<'_>, heading: &str, caption: &str) -> Vec<Vec<String>> {
    let section = |section: &Node<'_, '_>| text_of(all(*section, "h2")[0]) == heading;
    let section = all(page.root_element(), "section")
        .into_iter()
        .find(section)
        .unwrap();
    let has_caption = |table: &Node<'_, '_>| text_of(all(*table, "caption")[0]) == caption;
    let table = all(section, "table").into_iter().find(has_caption).unwrap();
    let row = |row: Node<'_, '_>| row.children().map(text_of).collect();
    all(all(table, "tbody")[0], "tr")
        .into_iter()
        .map(row)
        .collect()
}

fn headings(page: &Document<'_>) -> Vec<String> {
    all(page.root_element(), "h2")
        .into_iter()
        .map(text_of)
        .collect()
}

#[test]
fn tables_have_the_numbers_of_the_snapshots_beside_the_limits() {
    let mut second = snapshot("user-1", 2, &[("tpm", 45_750), ("rpm", 3)]);
    second.overdrawn.insert(LimitName::new("tpm").unwrap(), 2);
    let mut report = report([
        snapshot("user-1", 0, &[("tpm", 15_250), ("rpm", 7)]),
        second,
    ]);
    let limits = vec![(Limit::per_minute("tpm", 500), "tpm: 500/min".to_owned())];
    report.hold(
        "user-1".parse().unwrap(),
        "gpt-4".parse().unwrap(),
        "entity",
        limits,
    );
    let html = report.page(10);
    read(&html, |page| {
        assert_eq!(headings(page), ["user-1, gpt-4"]);
        assert_eq!(
            table(page, "user-1, gpt-4", "Use of tpm by window"),
            [
                ["2026-01-31 09:00", "15,250", "30,500", "50.0%", "0"],
                ["2026-01-31 11:00", "45,750", "30,500", "150.0%, over", "2"],
            ]
        );
        assert_eq!(
            table(page, "user-1, gpt-4", "Use of rpm by window"),
            [
                ["2026-01-31 09:00", "7", "–", "–", "0"],
                ["2026-01-31 11:00", "3", "–", "–", "0"],
            ]
        );
        assert_eq!(
            table(page, "user-1, gpt-4", "Totals"),
            [
                ["rpm", "10", "7", "2026-01-31 09:00", "–", "–", "0"],
                [
                    "tpm",
                    "61,000",
                    "45,750",
                    "2026-01-31 11:00",
                    "150.0%",
                    "1",
                    "2"
                ],
            ]
        );
        let texts: Vec<_> = all(page.root_element(), "p")
            .into_iter()
            .map(text_of)
            .collect();
        let stored = "Limits stored now, at the level entity: tpm: 500/min";
        assert!(texts.contains(&stored.to_owned()), "{texts:?}");
        // One picture for a wide screen and one for a phone, of each limit.
        let pictures = all(page.root_element(), "svg");
        assert_eq!(pictures.len(), 4);
        let titles: Vec<_> = all(pictures[2], "title").into_iter().map(text_of).collect();
        assert_eq!(
            titles,
            [
                "tpm of user-1, gpt-4",
                "2026-01-31 09:00 UTC: 15,250 tpm, 50.0% of 30,500",
                "2026-01-31 11:00 UTC: 45,750 tpm, 150.0% of 30,500, overdrafts: 2",
                "2026-01-31T11:30:00Z: overdrawn",
                "allowed: 30,500 tpm",
            ]
        );
    });
}

#[test]
fn a_thousand_entities_are_the_first_ones_and_all_others() {
    let entities =
        (0..1000).map(|index| snapshot(&format!("user-{index}"), index % 3, &[("tpm", index)]));
    let report = report(entities);
    assert_eq!(report.shown(2)[0].0, "user-999");
    let html = report.page(3);
    assert!(html.len() < 300_000, "{} bytes", html.len());
    read(&html, |page| {
        let expected = [
            "All together",
            "user-999, gpt-4",
            "user-998, gpt-4",
            "user-997, gpt-4",
            "997 others together",
        ];
        assert_eq!(headings(page), expected);
        let rows = table(page, "All together", "Tokens used, by limit");
        assert_eq!(rows[0], ["user-999", "gpt-4", "999"]);
        // 0 + 1 + … + 996
        assert_eq!(rows[3], ["997 others", "–", "496,506"]);
        let others = table(page, "997 others together", "Totals");
        assert_eq!(others[0][1], "496,506");
        let texts = text_of(page.root_element());
        assert!(texts.contains("3 of 1,000 entities and resources have a section of their own: those that used most tpm."));
        // The picture of all has five of them, and the others.
        let picture = all(page.root_element(), "svg")[0];
        let names: Vec<_> = all(picture, "text").into_iter().map(text_of).collect();
        assert!(names.contains(&"995 others".to_owned()), "{names:?}");
        let grey = picture
            .descendants()
            .filter(|node| node.attribute("class") == Some("rest"));
        assert_eq!(grey.count(), 4, "a bar for each window, and the legend");
    });
}

#[test]
fn a_picture_of_one_subject_has_its_limit_and_missing_records() {
    let mut report = report([
        snapshot("user-1", 0, &[("tpm", 5)]),
        snapshot("user-1", 9, &[("tpm", 6)]),
    ]);
    let limits = vec![(Limit::per_hour("tpm", 4), "tpm: 4/hour".to_owned())];
    report.hold(
        "user-1".parse().unwrap(),
        "gpt-4".parse().unwrap(),
        "system",
        limits,
    );
    let gaps = vec![
        Gap {
            from: NINE + HOUR,
            to: NINE + 2 * HOUR,
        },
        Gap {
            from: NINE - 9 * HOUR,
            to: NINE - 8 * HOUR,
        },
    ];
    report.counted(gaps, Some(NINE + 10 * HOUR));
    let text = report.picture(&LimitName::new("tpm").unwrap(), 760);
    let picture = Document::parse(&text).unwrap();
    let of_class = |class: &str| {
        let is_shape = |node: &Node<'_, '_>| node.attribute("class") == Some(class);
        picture.descendants().filter(is_shape).count()
    };
    // The second band is not in the time of the picture. Each name is in the legend too.
    assert_eq!(
        (of_class("level"), of_class("band"), of_class("f0")),
        (2, 2, 3)
    );
    let html = report.page(10);
    read(&html, |page| {
        let text = text_of(page.root_element());
        assert!(
            text.contains(
                "Records between 2026-01-31 10:00 UTC and 2026-01-31 11:00 UTC are missing"
            ),
            "{text}"
        );
        assert!(!text.contains("Records between 2026-01-31 00:00"), "{text}");
        assert!(
            text.contains("The newest change that is counted is of 2026-01-31 19:00 UTC."),
            "{text}"
        );
    });
}

#[test]
fn texts_are_never_markup() {
    let hostile = "</style></svg><script>alert(1)</script><img src=\"x\" onerror='alert(2)'>&lt;";
    let mut report = UsageReport::new(hostile, WindowLength::Hour).footer(hostile);
    report.add(&snapshot("user-1", 0, &[("tpm", 1)]));
    let limits = vec![(Limit::per_hour("tpm", 4), hostile.to_owned())];
    report.hold(
        "user-1".parse().unwrap(),
        "gpt-4".parse().unwrap(),
        hostile,
        limits,
    );
    let html = report.page(10);
    read(&html, |page| {
        assert_eq!(text_of(all(page.root_element(), "h1")[0]), hostile);
        assert_eq!(text_of(all(page.root_element(), "footer")[0]), hostile);
    });
}

#[test]
fn a_report_without_snapshots_says_so() {
    let mut other = snapshot("user-1", 0, &[("tpm", 1)]);
    other.window = UsageWindow::Daily;
    let none = snapshot("user-1", 0, &[]);
    let report = report([other, none]).span(Some(NINE), Some(NINE + HOUR));
    assert_eq!((report.snapshots(), report.limits().len()), (0, 0));
    let html = report.page(10);
    read(&html, |page| {
        assert!(text_of(page.root_element()).contains("There are no snapshots of that use."));
        assert!(headings(page).is_empty());
    });
    let picture = report.picture(&LimitName::new("tpm").unwrap(), 760);
    assert!(picture.contains("no data"), "{picture}");
}

#[test]
fn only_the_limits_that_are_asked_for_are_shown() {
    let mut report = UsageReport::new("t", WindowLength::Hour).only(["tpm".parse().unwrap()]);
    report.add(&snapshot("user-1", 0, &[("tpm", 5), ("rpm", 1)]));
    report.add(&snapshot("user-2", 0, &[("rpm", 1)]));
    assert_eq!(report.shown(9).len(), 1);
    assert_eq!(
        report
            .limits()
            .into_iter()
            .map(|name| name.to_string())
            .collect::<Vec<_>>(),
        ["tpm"]
    );
}

#[test]
fn every_number_of_windows_and_every_size_of_numbers_is_written() {
    for (count, tokens) in [
        (1, i64::MAX),
        (2, i64::MIN),
        (1000, 1),
        (1000, i64::MAX),
        (3, 0),
    ] {
        let mut report =
            report((0..count).map(|hour| snapshot("user-1", hour, &[("tpm", tokens)])));
        let most = Limit::per_second("tpm", 1).with_burst(9_000_000_000);
        report.hold(
            "user-1".parse().unwrap(),
            "gpt-4".parse().unwrap(),
            "system",
            vec![(most, "tpm".into())],
        );
        let html = report.page(1);
        assert!(html.len() < 600_000, "{} bytes", html.len());
        read(&html, |page| {
            let rows = table(page, "user-1, gpt-4", "Use of tpm by window");
            assert_eq!(rows.len(), usize::try_from(count).unwrap());
            let number = |text: &str| {
                text.replace(',', "")
                    .replace('\u{2212}', "-")
                    .parse::<i128>()
                    .unwrap()
            };
            assert!(rows.iter().all(|row| number(&row[1]) == i128::from(tokens)));
            let totals = table(page, "user-1, gpt-4", "Totals");
            assert_eq!(
                number(&totals[0][1]),
                i128::from(tokens) * i128::from(count)
            );
        });
    }
}

#[test]
fn months_have_a_line_of_what_each_of_them_allows() {
    let mut report = UsageReport::new("t", WindowLength::Month);
    // The first of January and of February 2026.
    for start in [1_767_225_600, 1_769_904_000] {
        let mut month = snapshot("user-1", 0, &[("rpd", 100)]);
        month.window = UsageWindow::Monthly;
        month.window_start = UNIX_EPOCH + Duration::from_secs(start);
        report.add(&month);
    }
    let limits = vec![(Limit::per_day("rpd", 10), "rpd: 10/day".to_owned())];
    report.hold(
        "user-1".parse().unwrap(),
        "gpt-4".parse().unwrap(),
        "system",
        limits,
    );
    let html = report.page(1);
    read(&html, |page| {
        assert_eq!(
            table(page, "user-1, gpt-4", "Use of rpd by window"),
            [
                ["2026-01", "100", "320", "31.2%", "0"],
                ["2026-02", "100", "290", "34.4%", "0"],
            ]
        );
        let lines = page
            .descendants()
            .filter(|node| node.attribute("class") == Some("line l1 d1"));
        assert_eq!(lines.count(), 4, "in two pictures, and in their legends");
    });
}
