//! The style of pages.

/// The style of everything on a page but charts.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark}
body{margin:0 auto;padding:16px;max-width:1520px;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#24292f;background:#fff;overflow-wrap:anywhere}
h1{font-size:24px;line-height:1.25;margin:8px 0 12px}
h2{font-size:19px;line-height:1.3;margin:0 0 8px}
h3{font-size:16px;margin:16px 0 4px}
p{margin:4px 0 8px;max-width:90ch}
section{border-top:1px solid #d8dee4;padding-top:20px;margin-top:28px}
figure{margin:0}
.wide .tollgate-chart{width:100%}
.narrow{display:none}
.scroll{overflow:auto;max-height:340px;margin:8px 0}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:#57606a;padding:4px 0}
th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #d8dee4;white-space:nowrap}
th{font-weight:600}
tbody th{font-weight:400}
.text{text-align:left}
tbody .text{white-space:normal;min-width:9em}
thead th{position:sticky;top:0;background:#fff;vertical-align:bottom}
footer{margin-top:32px;color:#57606a;font-size:13px}
@media (min-width:1100px){
.beside{display:grid;grid-template-columns:minmax(0,1.6fr) minmax(0,1fr);gap:32px;align-items:start}
}
@media screen and (max-width:600px){
body{padding:12px 10px}
.wide{display:none}
.narrow{display:block}
.narrow .tollgate-chart{width:100%}
th,td{padding:3px 7px}
}
@media screen and (prefers-color-scheme:dark){
body{color:#e6edf3;background:#0d1117}
section,th,td{border-color:#30363d}
caption,footer{color:#9198a1}
thead th{background:#0d1117}
a{color:#79b8ff}
}
@media print{
body{max-width:none;padding:0}
.scroll{max-height:none;overflow:visible}
figure,tr{break-inside:avoid}
h2,h3,caption{break-after:avoid}
.beside{display:block}
}
";
