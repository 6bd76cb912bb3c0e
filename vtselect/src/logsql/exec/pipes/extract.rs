//! `extract`: fields out of a text by a pattern of literal texts and placeholders.

use super::super::super::ast::pipes;
use super::super::super::pattern::Step;
use super::super::logfmt::quoted;
use super::super::{Rows, Text};
use super::overwrite::pick;
use super::{Condition, Transform};

pub(super) struct Extract {
    shape: pipes::Extract,
    condition: Condition,
}

impl Extract {
    pub(super) fn new(shape: &pipes::Extract, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

impl Transform for Extract {
    fn apply(&mut self, rows: &mut Rows) {
        let steps = &self.shape.steps;
        let names: Vec<&str> = named(steps).map(|step| step.field.as_str()).collect();
        let extract = |value: &str| extracted(steps, value).into_iter().map(Text::from).collect();
        extract_columns(
            rows,
            &self.shape.from,
            &names,
            &self.condition,
            self.shape.overwrite,
            extract,
        );
    }
}

/// Sets the named fields to what `extract` finds in `from`, one text for each name.
pub(super) fn extract_columns(
    rows: &mut Rows,
    from: &str,
    names: &[&str],
    condition: &Condition,
    overwrite: pipes::Overwrite,
    extract: impl Fn(&str) -> Vec<Text>,
) {
    let mask = condition.mask(rows);
    let originals: Vec<Option<&[Text]>> = names
        .iter()
        .map(|name| rows.column(name).map(|column| column.values.as_slice()))
        .collect();
    let mut columns = vec![Vec::with_capacity(rows.len()); names.len()];
    let source = rows.column(from).map(|column| column.values.as_slice());
    let mut last: Option<(Text, Vec<Text>)> = None;
    for row in 0..rows.len() {
        let value = source.and_then(|values| values.get(row)).cloned().unwrap_or_default();
        if mask.has(row) && last.as_ref().is_none_or(|(seen, _)| *seen != value) {
            last = Some((value.clone(), extract(&value)));
        }
        for (i, (column, original)) in columns.iter_mut().zip(&originals).enumerate() {
            let original = original.and_then(|values| values.get(row)).cloned().unwrap_or_default();
            let found = last
                .as_ref()
                .filter(|_| mask.has(row))
                .and_then(|(_, found)| found.get(i));
            column.push(match found {
                Some(found) => pick(overwrite, &original, found.clone()),
                None => original,
            });
        }
    }
    for (name, values) in names.iter().zip(columns) {
        rows.set(name, values);
    }
}

fn named(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| !step.field.is_empty())
}

/// The text of each named placeholder. From the first literal text that is not found on, all are empty.
pub(super) fn extracted(steps: &[Step], text: &str) -> Vec<String> {
    let mut values = vec![String::new(); named(steps).count()];
    let mut free = values.iter_mut();
    let Some((_, mut rest)) = steps.first().and_then(|step| text.split_once(step.prefix.as_str())) else {
        return values;
    };
    for (i, step) in steps.iter().enumerate() {
        let next = steps.get(i + 1).map_or("", |next| next.prefix.as_str());
        let Some((value, tail)) = placeholder(step, next, rest) else {
            break;
        };
        if !step.field.is_empty()
            && let Some(free) = free.next()
        {
            *free = value;
        }
        match tail {
            Some(tail) => rest = tail,
            None => break,
        }
    }
    values
}

/// What the placeholder stands for, and what follows the literal text after it, if that is found. A value in quotes
/// is taken without them, and then the literal text must follow at once.
fn placeholder<'t>(step: &Step, next: &str, text: &'t str) -> Option<(String, Option<&'t str>)> {
    if let Some((value, length)) = quoted(text).filter(|_| step.option != "plain") {
        let tail = text.get(length..).and_then(|tail| tail.strip_prefix(next));
        return Some((value, tail));
    }
    if next.is_empty() {
        return Some((text.to_owned(), Some("")));
    }
    let (value, tail) = text.split_once(next)?;
    Some((value.to_owned(), Some(tail)))
}
