//! Writes results: tables and lines for people, JSON and YAML for programs. Colours only reach terminals.

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use serde::Serialize;

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Fine,
    /// Something is wrong with what the command looked at.
    Wrong,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On terminals, unless the variable `NO_COLOR` is set
    #[default]
    Auto,
    /// Also in files and pipes
    Always,
    /// Never
    Never,
}

/// The option for colours.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the output")]
pub struct ColorArgs {
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    color: Color,
}

impl ColorArgs {
    /// Makes the choice for the whole process.
    pub fn apply(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    #[default]
    Text,
    /// The same with more details
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The result does not serialize.
    #[error("the result cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The result does not serialize.
    #[error("the result cannot be written as YAML")]
    Yaml(#[from] serde_saphyr::SerializeError),
}

/// Writes `result` as JSON or YAML. Returns false for the other formats, which the caller writes.
pub fn write_structured(format: Format, result: &impl Serialize) -> Result<bool, OutputError> {
    match format {
        Format::Json => anstream::println!("{}", serde_json::to_string_pretty(result)?),
        Format::Yaml => anstream::print!("{}", serde_saphyr::to_string(result)?),
        Format::Text | Format::Wide => return Ok(false),
    }
    Ok(true)
}

/// Text in bold red.
pub fn paint_bad(text: impl std::fmt::Display) -> String {
    paint(Style::new().bold().fg_color(Some(AnsiColor::Red.into())), text)
}

/// Text in yellow.
pub fn paint_doubtful(text: impl std::fmt::Display) -> String {
    paint(Style::new().fg_color(Some(AnsiColor::Yellow.into())), text)
}

fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Formats rows as columns, three blanks apart, as `kubectl` does.
pub fn format_table(header: &[&str], rows: &[Vec<String>]) -> String {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(widest).collect();
    let header: Vec<String> = header.iter().map(|&title| title.to_owned()).collect();
    let mut table = String::new();
    for row in [&header].into_iter().chain(rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push_str(cells.join("   ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a".to_owned(), "é".to_owned()], vec!["longer".to_owned(), String::new()]];
        assert_eq!(format_table(&["NAME", "X"], &rows), "NAME     X\na        é\nlonger\n");
    }
}
