//! Colours and texts of charts.

/// The style of charts, for a page with [inline pictures](super::Chart::inline_svg). Its rules hold
/// only inside of charts.
///
/// The colours of series differ for readers who confuse red and green; lines also differ in their
/// dashes. They are dark on light paper, and light on dark paper. A page that is printed is light.
pub const STYLE: &str = "\
.tollgate-chart{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;max-width:100%;height:auto}
.tollgate-chart text{fill:#24292f}
.tollgate-chart .title{font-size:15px;font-weight:600}
.tollgate-chart .faint{fill:#57606a}
.tollgate-chart .paper{fill:#fff}
.tollgate-chart .grid{stroke:#d8dee4;stroke-width:1}
.tollgate-chart .axis{stroke:#6e7781;stroke-width:1}
.tollgate-chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.tollgate-chart .d1{stroke-dasharray:7 4}
.tollgate-chart .d2{stroke-dasharray:2 4}
.tollgate-chart .d3{stroke-dasharray:10 4 2 4}
.tollgate-chart .level{fill:none;stroke:#b3261e;stroke-width:1.5;stroke-dasharray:6 4}
.tollgate-chart .level-name{fill:#b3261e;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.tollgate-chart .mark{fill:#b3261e}
.tollgate-chart .band{fill:#8c959f;fill-opacity:.28;stroke:#57606a;stroke-width:1;stroke-dasharray:2 2}
.tollgate-chart .f0{fill:#0072b2}.tollgate-chart .l0{stroke:#0072b2}
.tollgate-chart .f1{fill:#d55e00}.tollgate-chart .l1{stroke:#d55e00}
.tollgate-chart .f2{fill:#007a5a}.tollgate-chart .l2{stroke:#007a5a}
.tollgate-chart .f3{fill:#aa4499}.tollgate-chart .l3{stroke:#aa4499}
.tollgate-chart .f4{fill:#8a6d00}.tollgate-chart .l4{stroke:#8a6d00}
.tollgate-chart .f5{fill:#332288}.tollgate-chart .l5{stroke:#332288}
.tollgate-chart .rest{fill:#8c959f}
@media screen and (prefers-color-scheme:dark){
.tollgate-chart text{fill:#e6edf3}
.tollgate-chart .faint{fill:#9198a1}
.tollgate-chart .paper{fill:#0d1117}
.tollgate-chart .grid{stroke:#30363d}
.tollgate-chart .axis{stroke:#8b949e}
.tollgate-chart .level{stroke:#ff8a80}
.tollgate-chart .level-name{fill:#ff8a80;stroke:#0d1117}
.tollgate-chart .mark{fill:#ff8a80}
.tollgate-chart .band{fill:#8b949e;stroke:#9198a1}
.tollgate-chart .f0{fill:#56b4e9}.tollgate-chart .l0{stroke:#56b4e9}
.tollgate-chart .f1{fill:#e69f00}.tollgate-chart .l1{stroke:#e69f00}
.tollgate-chart .f2{fill:#2cc295}.tollgate-chart .l2{stroke:#2cc295}
.tollgate-chart .f3{fill:#e79ac5}.tollgate-chart .l3{stroke:#e79ac5}
.tollgate-chart .f4{fill:#f0e442}.tollgate-chart .l4{stroke:#f0e442}
.tollgate-chart .f5{fill:#a8a8ff}.tollgate-chart .l5{stroke:#a8a8ff}
}
";

/// The number of colours. More series begin again.
const COLOURS: usize = 6;

/// Returns the class of a series' area.
pub(super) fn area(series: usize) -> String {
    format!("f{}", series % COLOURS)
}

/// Returns the classes of a series' line.
pub(super) fn line(series: usize) -> String {
    format!("line l{} d{}", series % COLOURS, series % 4)
}
