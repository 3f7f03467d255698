//! Prints the table, and writes the files and the chart.

use std::{fs, path::PathBuf};

use crate::{chart, effort::Effort, row::Row};

/// Writes the files and the chart.
pub(crate) fn write(rows: &[Row], effort: Effort) {
    let folder = folder();
    fs::create_dir_all(&folder).expect("the folder can be made");
    let records: Vec<_> = rows.iter().map(Row::record).collect();
    let json = serde_json::to_string_pretty(&records).expect("numbers and texts");
    fs::write(folder.join("report.json"), json + "\n").expect("the file can be written");
    fs::write(folder.join("report.md"), markdown(rows)).expect("the file can be written");
    chart::draw(rows, &folder.join("report.svg"));
    let kind = if effort.quick {
        "quick and rough"
    } else {
        "full"
    };
    println!("\n{} rows, {kind}, in {}", rows.len(), folder.display());
}

/// Prints the table.
pub(crate) fn print(rows: &[Row]) {
    let header = [
        "measure",
        "ours",
        "reference",
        "unit",
        "ratio",
        "target",
        "held",
        "note",
    ]
    .map(String::from);
    let lines: Vec<[String; 8]> = std::iter::once(header)
        .chain(rows.iter().map(line))
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    for line in &lines {
        let cells = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Returns the table in the format of docs/performance.md.
fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measure | ours | reference | unit | ratio | to reach | held |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let [measure, ours, reference, unit, ratio, target, held, note] = line(row);
        // The column shows if the target is reached. It shows the note if there is no target or no
        // figure.
        let held = match held.as_str() {
            "yes" => "yes".into(),
            "" => note,
            _ => format!(
                "**missed** {}",
                if row.ours.is_none() {
                    note.as_str()
                } else {
                    ""
                }
            ),
        };
        let cells = [measure, ours, reference, unit, ratio, target, held];
        text += &format!(
            "| {} |\n",
            cells.each_ref().map(|cell| cell.trim()).join(" | ")
        );
    }
    text
}

fn line(row: &Row) -> [String; 8] {
    let held = match row.held() {
        Some(true) => "yes",
        Some(false) => "MISSED",
        None => "",
    };
    [
        row.measure.clone(),
        figure(row.ours),
        figure(row.reference),
        row.unit.into(),
        figure(row.ratio),
        row.target().unwrap_or_default(),
        held.into(),
        row.note.clone(),
    ]
}

/// Formats a number with three digits, or with all digits before the point if there are more.
pub(crate) fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value == 0.0 || value.fract() == 0.0 && value.abs() < 1e6 => {
            format!("{value}")
        }
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 1.0 => format!("{value:.2}"),
        Some(value) if value.abs() >= 0.1 => format!("{value:.3}"),
        Some(value) => format!("{value:.4}"),
    }
}

/// Returns the folder `report` in cargo's build folder. This program is `…/release/deps/report-…`.
fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("it runs");
    program
        .ancestors()
        .nth(3)
        .expect("cargo runs it from there")
        .join("report")
}
