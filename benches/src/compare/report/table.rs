//! Cells in rows, for a terminal and for Markdown.

/// A table whose first columns are words and whose other columns are figures.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With a head; so many columns from the left are words.
    #[must_use]
    pub fn new(words: usize, head: &[&str]) -> Self {
        Self { head: head.iter().map(ToString::to_string).collect(), words, rows: Vec::new() }
    }

    /// A row. What lacks at its end stays empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// Aligned text.
    #[must_use]
    pub fn plain(&self) -> String {
        let lines: Vec<&Vec<String>> = std::iter::once(&self.head).chain(&self.rows).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let mut shown = String::new();
            for (column, cell) in line.iter().enumerate() {
                let blanks = " ".repeat(widths[column] - cell.chars().count());
                let gap = if column > 0 { "  " } else { "" };
                let (before, after) = if column < self.words { ("", &*blanks) } else { (&*blanks, "") };
                shown.push_str(&format!("{gap}{before}{cell}{after}"));
            }
            text.push_str(shown.trim_end());
            text.push('\n');
        }
        text
    }

    /// A table of Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: String =
            (0..self.head.len()).map(|column| if column < self.words { "---|" } else { "---:|" }).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}|{rule}\n{rows}", line(&self.head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_figures_right() {
        let mut table = Table::new(1, &["who", "µs", "×"]);
        table.row(["nginx".to_owned(), "7.80".to_owned(), "1.00".to_owned()]);
        table.row(["Varnish | ESI".to_owned(), "628.00".to_owned()]);
        expect_test::expect![[r#"
            who                µs     ×
            nginx            7.80  1.00
            Varnish | ESI  628.00
        "#]]
        .assert_eq(&table.plain());
        expect_test::expect![[r#"
            | who | µs | × |
            |---|---:|---:|
            | nginx | 7.80 | 1.00 |
            | Varnish \| ESI | 628.00 |  |
        "#]]
        .assert_eq(&table.markdown());
    }
}
