//! A file in any of four formats -> rows, one by one: a file is never held in memory as a whole.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path as FilePath;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::decode::Decoding;
use super::mapping::{Format, Input};
use super::path::Path;
use super::value::Problem;

/// Where a row stands: the line in a table or JSON lines, the number of the element in a list, from 1.
pub type RowNumber = u64;
/// Is given each row, or what is wrong with it; `false` ends the reading.
pub type Emit<'e> = dyn FnMut(RowNumber, Result<Json, Problem>) -> bool + 'e;

/// A file that cannot be read at all, or no further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The name says nothing and neither does the mapping.
    #[error(
        "`{file}` does not end in `.csv`, `.json`, `.jsonl`, `.ndjson` or `.geojson` (`.gz` may follow); say `format` under `[input]`"
    )]
    UnknownFormat {
        /// Which.
        file: String,
    },
    /// A column of the mapping is not in the header.
    #[error(
        "{place}`{file}` has no column `{column}`, its columns are {columns}{nearest}; to give every shop the same text, write `{{ constant = \"{column}\" }}`"
    )]
    NoColumn {
        /// Where the mapping asks for it, `mapping.toml:12: `.
        place: String,
        /// Which file.
        file: String,
        /// Which column.
        column: String,
        /// The one that was probably meant.
        nearest: String,
        /// All there are.
        columns: String,
    },
    /// The system below said no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a file's name says: the format, and whether it is compressed.
pub fn by_name(file: &FilePath) -> (Option<Format>, bool) {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let (stem, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
    let format = match stem.rsplit('.').next() {
        Some("csv" | "tsv") => Some(Format::Csv),
        Some("json") => Some(Format::Json),
        Some("jsonl" | "ndjson") => Some(Format::JsonLines),
        Some("geojson") => Some(Format::GeoJson),
        _ => None,
    };
    (format, gzip)
}

/// Reads all rows of a file.
///
/// # Errors
/// The file cannot be read; what is wrong with single rows goes to `emit`.
pub fn read(
    file: &FilePath,
    content: impl Read,
    input: &Input,
    columns: &[&Path],
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let (format, gzip) = by_name(file);
    let name = || file.display().to_string();
    let format = input.format.or(format).ok_or_else(|| ReadError::UnknownFormat { file: name() })?;
    let content: Box<dyn Read + '_> = if input.gzip.unwrap_or(gzip) {
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(content)))
    } else {
        Box::new(content)
    };
    let text = BufReader::new(Decoding::new(content, input.encoding.unwrap_or(encoding_rs::UTF_8)));
    match format {
        Format::Csv => {
            let tabs = file.to_string_lossy().to_lowercase().contains(".tsv");
            let delimiter = input.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
            read_table(&name(), text, delimiter, columns, emit)
        }
        Format::JsonLines => read_lines(text, emit),
        Format::Json => read_list(text, &input.rows.as_ref().map_or_else(Vec::new, Path::keys), emit),
        Format::GeoJson => read_list(text, &["features"], emit),
    }
}

fn read_table(
    file: &str,
    text: impl Read,
    delimiter: u8,
    columns: &[&Path],
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text);
    let header: Vec<String> =
        table.headers().map_err(io::Error::from)?.iter().map(|name| name.trim().to_owned()).collect();
    check_columns(file, &header, columns)?;
    let mut record = csv::StringRecord::new();
    loop {
        let row = table.position().line();
        match table.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Io(_)) => {
                return Err(io::Error::from(error).into());
            }
            Err(error) => {
                if !emit(row, Err(Problem::because("row cannot be read", &error))) {
                    return Ok(());
                }
            }
            Ok(true) => {
                let row = record.position().map_or(row, csv::Position::line);
                if !emit(row, as_object(&header, &record)) {
                    return Ok(());
                }
            }
        }
    }
}

fn as_object(header: &[String], record: &csv::StringRecord) -> Result<Json, Problem> {
    if record.len() != header.len() {
        let given = format!("{} cells, the header has {}", record.len(), header.len());
        return Err(Problem::new("row has another number of cells than the header", given));
    }
    let mut object = serde_json::Map::new();
    for (name, cell) in header.iter().zip(record) {
        object.entry(name.clone()).or_insert_with(|| Json::String(cell.to_owned()));
    }
    Ok(Json::Object(object))
}

fn check_columns(file: &str, header: &[String], columns: &[&Path]) -> Result<(), ReadError> {
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    for path in columns {
        let known =
            names.contains(&path.as_str()) || path.first_key().is_some_and(|key| names.contains(&key));
        if !known {
            let nearest = super::toml_keys::nearest(path.as_str(), &names);
            return Err(ReadError::NoColumn {
                place: path.place().map_or_else(String::new, |place| format!("{place}: ")),
                file: file.to_owned(),
                column: path.as_str().to_owned(),
                nearest: nearest.map_or_else(String::new, |name| format!("; the nearest is `{name}`")),
                columns: names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            });
        }
    }
    Ok(())
}

fn read_lines(mut text: impl BufRead, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let (mut line, mut row) = (String::new(), 0);
    loop {
        line.clear();
        row += 1;
        if text.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.trim().is_empty() {
            continue;
        }
        let parsed =
            serde_json::from_str(&line).map_err(|error| Problem::because("line is not JSON", &error));
        if !emit(row, parsed) {
            return Ok(());
        }
    }
}

/// What breaks a list ends it: behind the break nobody knows where the next row begins.
fn read_list(text: impl Read, keys: &[&str], emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut deserializer = serde_json::Deserializer::from_reader(text);
    let (mut row, mut stopped) = (0, false);
    let read = RowsAt { keys, row: &mut row, stopped: &mut stopped, emit: &mut *emit }
        .deserialize(&mut deserializer);
    match read {
        Err(error) if error.is_io() => Err(io::Error::from(error).into()),
        Err(error) if !stopped => {
            emit(row + 1, Err(Problem::because("file cannot be read from here on", &error)));
            Ok(())
        }
        _ => Ok(()),
    }
}

struct RowsAt<'a, 'e> {
    keys: &'a [&'a str],
    row: &'a mut RowNumber,
    stopped: &'a mut bool,
    emit: &'a mut Emit<'e>,
}

impl<'de> DeserializeSeed<'de> for RowsAt<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowsAt<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keys.first() {
            Some(key) => write!(out, "an object with `{key}`"),
            None => write!(out, "a list of rows (say where it stands with `rows` under `[input]`)"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.keys.split_first() else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let Self { row, stopped, emit, .. } = self;
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                found = true;
                map.next_value_seed(RowsAt {
                    keys: rest,
                    row: &mut *row,
                    stopped: &mut *stopped,
                    emit: &mut *emit,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom(format!("there is no `{wanted}`"))) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.keys.is_empty() {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        while let Some(value) = list.next_element::<Json>()? {
            *self.row += 1;
            if !(self.emit)(*self.row, Ok(value)) {
                *self.stopped = true;
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, content: &[u8], input: &Input) -> Vec<(RowNumber, Result<String, String>)> {
        let mut rows = Vec::new();
        read(FilePath::new(name), content, input, &[], &mut |row, json| {
            rows.push((row, json.map(|json| json.to_string()).map_err(|problem| problem.reason)));
            true
        })
        .unwrap();
        rows
    }

    #[test]
    fn a_bad_row_of_a_table_does_not_stop_the_others_and_lines_are_counted_as_in_an_editor() {
        let content = b"a,b\n1,\"x\ny\"\n2\n3,z\n";
        let bad = Err("row has another number of cells than the header".to_owned());
        let expected = vec![
            (2, Ok(r#"{"a":"1","b":"x\ny"}"#.to_owned())),
            (4, bad),
            (5, Ok(r#"{"a":"3","b":"z"}"#.to_owned())),
        ];
        assert_eq!(rows("x.csv", content, &Input::default()), expected);
    }

    #[test]
    fn rows_stand_in_lists_within_objects_and_in_compressed_files() {
        let input = Input { rows: Some(Path::parse("a.rows").unwrap()), ..Input::default() };
        let content = br#"{"x":[0],"a":{"rows":[{"n":1},{"n":2}]},"z":9}"#;
        assert_eq!(rows("x.json", content, &input).len(), 2);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gzip, content).unwrap();
        assert_eq!(rows("x.json.gz", &gzip.finish().unwrap(), &input).len(), 2);
    }

    #[test]
    fn what_breaks_a_list_is_named_with_its_row() {
        let broken = rows("x.json", br#"[{"n":1},{"n":"#, &Input::default());
        assert_eq!(broken[1], (2, Err("file cannot be read from here on".to_owned())));
        let object = rows("x.json", br#"{"rows":[]}"#, &Input::default());
        assert_eq!(object.len(), 1, "{object:?}");
    }

    #[test]
    fn a_bad_line_of_json_lines_does_not_stop_the_others() {
        let lines = rows("x.jsonl", b"{\"n\":1}\n{oops\n\n{\"n\":3}\n", &Input::default());
        assert_eq!(
            lines.iter().map(|(row, json)| (*row, json.is_ok())).collect::<Vec<_>>(),
            [(1, true), (2, false), (4, true)]
        );
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_with_the_nearest_one() {
        let path = Path::parse("Longitud").unwrap().written_at("x.toml:8".to_owned());
        let refused = read(
            FilePath::new("x.csv"),
            &b"Name,Longitude\n"[..],
            &Input::default(),
            &[&path],
            &mut |_, _| true,
        );
        let said = refused.unwrap_err().to_string();
        assert_eq!(
            said,
            "x.toml:8: `x.csv` has no column `Longitud`, its columns are `Name`, `Longitude`; the nearest is `Longitude`; to give every shop the same text, write `{ constant = \"Longitud\" }`"
        );
    }
}
