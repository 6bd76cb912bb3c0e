//! Turns an answer into text for people: fields become lines, lists of records become tables. Pure.

use super::answer::Answer;
use std::fmt::Write;

/// Consecutive records that differ in this field only become one row with a range.
const NUMBERED: &str = "slot";

/// Columns that come first, in this order.
const FIRST: [&str; 3] = [NUMBERED, "id", "addr"];

/// What is shown where a record lacks a field.
const NOTHING: &str = "-";

/// Renders a whole answer, each line ended.
pub(crate) fn render(answer: &Answer) -> String {
    let mut out = String::new();
    match answer {
        Answer::Fields(fields) => render_fields(&mut out, fields),
        Answer::List(records) => render_table(&mut out, records, ""),
        Answer::Text(text) => line(&mut out, text),
    }
    out
}

/// First the plain fields, then each list of records under its name.
fn render_fields(out: &mut String, fields: &[(String, Answer)]) {
    let (tables, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| is_table(value));
    let mut flat = Vec::new();
    for (name, value) in plain {
        flatten(name, value, &mut flat);
    }
    render_rows(
        out,
        &flat
            .into_iter()
            .map(|(name, text)| vec![name, text])
            .collect::<Vec<_>>(),
        "",
    );
    for (name, table) in tables {
        if !out.is_empty() {
            out.push('\n');
        }
        line(out, name);
        if let Answer::List(records) = table {
            render_table(out, records, "  ");
        }
    }
}

/// An empty list is told as a table without rows.
fn is_table(value: &Answer) -> bool {
    let is_record = |value: &Answer| matches!(value, Answer::Fields(_));
    matches!(value, Answer::List(list) if list.iter().all(is_record))
}

fn render_table(out: &mut String, records: &[Answer], indent: &str) {
    let records: Vec<Vec<(String, String)>> = records
        .iter()
        .map(|record| {
            let mut flat = Vec::new();
            flatten("", record, &mut flat);
            flat
        })
        .collect();
    let columns = columns(&records);
    let numbered = columns.iter().position(|column| column == NUMBERED);
    let cell = |record: &[(String, String)], column: &String| {
        let found = record.iter().find(|(name, _)| name == column);
        found.map_or_else(|| NOTHING.to_owned(), |(_, text)| text.clone())
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in &records {
        let row: Vec<String> = columns.iter().map(|column| cell(record, column)).collect();
        match (rows.last_mut(), numbered) {
            (Some(last), Some(at)) if extends(last, &row, at) => {
                if let (Some(range), Some(number)) = (last.get_mut(at), row.get(at)) {
                    let first = range.split('-').next().unwrap_or_default();
                    *range = format!("{first}-{number}");
                }
            }
            _ => rows.push(row),
        }
    }
    if rows.is_empty() {
        return line(out, &format!("{indent}none"));
    }
    rows.insert(0, columns);
    render_rows(out, &rows, indent);
}

/// The names of all fields. Where one is empty in a record and has fields within in another, these are enough.
fn columns(records: &[Vec<(String, String)>]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in records.iter().flatten() {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let parents: Vec<String> = columns
        .iter()
        .filter_map(|column| Some(column.rsplit_once('.')?.0.to_owned()))
        .collect();
    columns.retain(|column| !parents.contains(column));
    columns.sort_by_key(|column| FIRST.iter().position(|first| first == column).unwrap_or(FIRST.len()));
    columns
}

/// Whether `row` is the next number after the range in `last` and equal otherwise.
fn extends(last: &[String], row: &[String], at: usize) -> bool {
    let end = |row: &[String]| -> Option<u64> { row.get(at)?.rsplit('-').next()?.parse().ok() };
    let mut others = last.iter().zip(row).enumerate().filter(|(column, _)| *column != at);
    end(last).is_some_and(|end| end.checked_add(1) == number(row, at)) && others.all(|(_, (a, b))| a == b)
}

fn number(row: &[String], at: usize) -> Option<u64> {
    row.get(at)?.parse().ok()
}

/// Fields within fields get names with dots; lists of texts become one text.
fn flatten(name: &str, value: &Answer, flat: &mut Vec<(String, String)>) {
    match value {
        Answer::Text(text) => flat.push((name.to_owned(), text.clone())),
        Answer::List(list) => flat.push((name.to_owned(), list.iter().map(plain).collect::<Vec<_>>().join(", "))),
        Answer::Fields(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                flatten(&name, value, flat);
            }
        }
    }
}

fn plain(value: &Answer) -> String {
    match value {
        Answer::Text(text) => text.clone(),
        other => {
            let mut flat = Vec::new();
            flatten("", other, &mut flat);
            let fields = flat.into_iter().map(|(name, text)| match name.as_str() {
                "" => text,
                _ => format!("{name}={text}"),
            });
            fields.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Columns as wide as their widest cell, two blanks between them.
fn render_rows(out: &mut String, rows: &[Vec<String>], indent: &str) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| Some(row.get(column)?.chars().count()))
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut text = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = if cell.is_empty() { NOTHING } else { cell };
            let pad = width.saturating_sub(cell.chars().count()) + 2;
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', pad));
        }
        line(out, text.trim_end());
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        render(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn fields_come_first_in_their_order_then_tables() {
        let json = r#"{"epoch":7,"nodes":[{"id":"b","mark":null,"tags":["x","y"]},{"id":"longer","lag":2.5}],
            "cluster":"c1","raft":{"leader":true,"term":3}}"#;
        let wanted = "\
epoch        7
cluster      c1
raft.leader  true
raft.term    3

nodes
  id      mark  tags  lag
  b       -     x, y  -
  longer  -     -     2.5
";
        assert_eq!(shown(json), wanted);
    }

    #[test]
    fn slots_with_the_same_nodes_share_a_row() {
        let json = r#"{"slots":[{"slot":0,"replicas":["a","b"]},{"slot":1,"replicas":["a","b"]},
            {"slot":2,"replicas":["a","b"]},{"slot":3,"replicas":["c"]},{"slot":5,"replicas":["c"]}]}"#;
        assert_eq!(
            shown(json),
            "slots\n  slot  replicas\n  0-2   a, b\n  3     c\n  5     c\n"
        );
    }

    #[test]
    fn records_are_known_by_their_first_columns() {
        let json = r#"[{"addr":"x:1","full":false,"id":"a","mark":null},{"id":"b","mark":{"closing":true}}]"#;
        let wanted = "id  addr  full   mark.closing\na   x:1   false  -\nb   -     -      true\n";
        assert_eq!(shown(json), wanted);
    }

    #[test]
    fn anything_is_shown_somehow() {
        assert_eq!(shown("[]"), "none\n");
        assert_eq!(shown("3"), "3\n");
        assert_eq!(shown("{}"), "");
        assert_eq!(shown(r#"{"a":[]}"#), "a\n  none\n");
        assert_eq!(shown(r#"{"a":[[1,2],{"b":1}]}"#), "a  1, 2, b=1\n");
    }
}
