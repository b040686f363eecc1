//! A bar chart, readable in light and dark: bars carry their own names and figures, so that no legend is needed.

use std::fmt::Write as _;

use crate::compare::results::{Results, Row};
use crate::compare::sampled::Kind;

const WIDTH: f64 = 880.0;
const NAMES_WIDTH: f64 = 300.0;
/// Room for the figure behind the longest bar.
const FIGURE_WIDTH: f64 = 80.0;
const BAR_HEIGHT: f64 = 18.0;
const LINE_HEIGHT: f64 = 25.0;
const TITLE_HEIGHT: f64 = 40.0;
/// Who costs more than so many times the reference stands in a panel of a coarser scale ...
const CLOSE_UP_TIMES: f64 = 6.0;
/// ... if the scale is so many times coarser at least.
const COARSER_TIMES_MIN: f64 = 3.0;

/// CPU time per request, one panel for each kind of page, and one more for those that cost many times as much.
#[must_use]
pub fn svg(results: &Results) -> String {
    let mut drawing = Drawing { body: String::new(), y: 8.0 };
    for kind in Kind::ALL {
        let mut rows: Vec<(&Row, f64)> = results
            .rows
            .iter()
            .filter(|row| row.kind == kind)
            .filter_map(|row| Some((row, row.figures()?.cpu_micros)))
            .collect();
        rows.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some(&(_, least)) = rows.first() else { continue };
        let limit = reference(&rows).unwrap_or(least) * CLOSE_UP_TIMES;
        let title = format!("{}: CPU µs per request", kind.title());
        let (close, far): (Vec<_>, Vec<_>) = rows.iter().copied().partition(|(_, micros)| *micros <= limit);
        let coarser = widest(&far) / widest(&close);
        if coarser < COARSER_TIMES_MIN {
            drawing.panel(&title, &rows);
        } else {
            drawing.panel(&title, &close);
            drawing.panel(&format!("The same on a scale {coarser:.0} times coarser"), &far);
        }
    }
    let height = drawing.y + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"CPU time per request of each contestant\">\n{STYLE}{}</svg>\n",
        drawing.body
    )
}

/// Colours by what the reader's system prefers; nothing is painted behind, so a page of either kind shows through.
const STYLE: &str = "<style>\n\
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }\n\
    .title { font-weight: 600; }\n\
    .other { fill: #9aa4af; }\n\
    .reference { fill: #57606a; }\n\
    .ours { fill: #0a7a5a; }\n\
    @media (prefers-color-scheme: dark) {\n\
    text { fill: #e6edf3; }\n\
    .other { fill: #6e7681; }\n\
    .reference { fill: #b1bac4; }\n\
    .ours { fill: #2fbf91; }\n\
    }\n</style>\n";

fn reference(rows: &[(&Row, f64)]) -> Option<f64> {
    let is_reference = |(row, _): &&(&Row, f64)| row.role == crate::compare::contestants::Role::NginxStatic;
    rows.iter().find(is_reference).map(|(_, micros)| *micros)
}

fn widest(rows: &[(&Row, f64)]) -> f64 {
    rows.iter().map(|(_, micros)| *micros).fold(f64::MIN_POSITIVE, f64::max)
}

struct Drawing {
    body: String,
    y: f64,
}

impl Drawing {
    fn panel(&mut self, title: &str, rows: &[(&Row, f64)]) {
        self.y += TITLE_HEIGHT;
        self.text(0.0, "start", "title", title);
        self.y += LINE_HEIGHT - BAR_HEIGHT;
        let scale = (WIDTH - NAMES_WIDTH - FIGURE_WIDTH) / widest(rows);
        for (row, micros) in rows {
            self.y += LINE_HEIGHT;
            let class = match row.role {
                role if role.is_shopfront() => "ours",
                crate::compare::contestants::Role::NginxStatic => "reference",
                _ => "other",
            };
            self.text(NAMES_WIDTH - 10.0, "end", "", &row.name);
            let (top, width) = (self.y - BAR_HEIGHT + 4.5, micros * scale);
            // Writing into a string cannot fail.
            let _ = writeln!(
                self.body,
                "<rect class=\"{class}\" x=\"{NAMES_WIDTH}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
            );
            let figure = if *micros < 100.0 { format!("{micros:.1}") } else { format!("{micros:.0}") };
            self.text(NAMES_WIDTH + width + 8.0, "start", "", &figure);
        }
    }

    fn text(&mut self, x: f64, anchor: &str, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (y, text) = (self.y, escaped(text));
        let _ = writeln!(
            self.body,
            "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::summary::tests::some_results;

    #[test]
    fn every_measured_row_is_a_bar_with_its_name_and_figure() {
        let drawn = svg(&some_results());
        assert_eq!(drawn.matches("<rect ").count(), 3);
        for text in ["nginx, static files", "Shopfront, composed", ">8.0<", ">10.0<", ">628<"] {
            assert!(drawn.contains(text), "{text}: {drawn}");
        }
        assert!(!drawn.contains("unchanged, br"), "what was not measured has no bar");
        assert_eq!(drawn.matches("class=\"ours\"").count(), 1);
    }

    #[test]
    fn the_dear_ones_do_not_flatten_the_others() {
        let drawn = svg(&some_results());
        assert!(drawn.contains("on a scale 63 times coarser"), "{drawn}");
        let full = format!("width=\"{:.1}\"", WIDTH - NAMES_WIDTH - FIGURE_WIDTH);
        assert_eq!(drawn.matches(&full).count(), 2, "each panel has its own scale: {drawn}");
    }

    #[test]
    fn bars_grow_with_their_figures_and_names_stay_text() {
        let drawn = svg(&some_results());
        let share = (WIDTH - NAMES_WIDTH - FIGURE_WIDTH) * 0.8;
        assert!(drawn.contains(&format!("width=\"{share:.1}\"")), "{drawn}");
        assert_eq!(escaped("a < b & c"), "a &lt; b &amp; c");
    }
}
