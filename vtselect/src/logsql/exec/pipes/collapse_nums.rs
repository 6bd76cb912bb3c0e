//! `collapse_nums`: placeholders in place of numbers, so that texts that differ only in numbers become one.

use std::borrow::Cow;

use super::super::super::ast::pipes;
use super::super::super::is_word_char;
use super::super::Rows;
use super::per_block::update;
use super::{Condition, Transform};

pub(super) struct CollapseNums {
    shape: pipes::CollapseNums,
    condition: Condition,
}

impl CollapseNums {
    pub(super) fn new(shape: &pipes::CollapseNums, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

impl Transform for CollapseNums {
    fn apply(&mut self, rows: &mut Rows) {
        let prettify = self.shape.prettify;
        update(
            rows,
            &self.shape.field,
            &self.condition.mask(rows),
            |value| match collapsed(value) {
                Cow::Owned(text) if prettify => Cow::Owned(prettified(text)),
                text if prettify && text.contains(NUMBER) => Cow::Owned(prettified(text.into_owned())),
                text => text,
            },
        );
    }
}

const NUMBER: &str = "<N>";

/// The text with `<N>` in place of decimal and hexadecimal numbers.
pub(super) fn collapsed(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = number_start(text, at) {
        let digits = text.get(start..).unwrap_or("");
        let length = digits
            .bytes()
            .position(|b| !b.is_ascii_hexdigit())
            .unwrap_or(digits.len());
        at = start + length;
        if is_number(digits.get(..length).unwrap_or(""), text.get(at..).unwrap_or("")) {
            out.push_str(text.get(copied..start).unwrap_or(""));
            out.push_str(NUMBER);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    Cow::Owned(out)
}

/// The next digit, at `from` or later, that begins a word or follows one of the letters that numbers often follow.
fn number_start(text: &str, from: usize) -> Option<usize> {
    let mut before = text.get(..from)?.bytes().next_back();
    for (at, byte) in text.bytes().enumerate().skip(from) {
        let starts = before.is_none_or(|b| !is_word_byte(b) || b"_TXxvshm".contains(&b));
        if byte.is_ascii_hexdigit() && starts {
            return Some(at);
        }
        before = Some(byte);
    }
    None
}

/// Whether the digits, with this text after them, are a number: not a part of a word, and long enough if hexadecimal,
/// since `be`, `add` and `face1` may be words.
fn is_number(digits: &str, tail: &str) -> bool {
    let ends = tail
        .bytes()
        .next()
        .is_none_or(|b| !is_word_byte(b) || b"_TZsmhun".contains(&b));
    let decimal = digits.bytes().all(|b| b.is_ascii_digit());
    ends && (decimal || digits.len() >= 4 && digits.len().is_multiple_of(2))
}

/// Bytes of characters beyond ASCII do not belong to words here.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii() && is_word_char(char::from(byte))
}

/// One placeholder in place of those of one thing: ids, addresses, times and dates.
pub(super) fn prettified(text: String) -> String {
    let text = text
        .replace("<N>-<N>-<N>-<N>-<N>", "<UUID>")
        .replace("<N>.<N>.<N>.<N>", "<IP4>");
    let text = replace_with_tail(&text, "<N>:<N>:<N>", "<TIME>", &[".<N>", ",<N>"])
        .replace("<N>-<N>-<N>", "<DATE>")
        .replace("<N>/<N>/<N>", "<DATE>");
    let zones = ["Z", "-<N>:<N>", "+<N>:<N>"];
    let text = replace_with_tail(&text, "<DATE>T<TIME>", "<DATETIME>", &zones);
    replace_with_tail(&text, "<DATE> <TIME>", "<DATETIME>", &zones)
}

/// Replaces `old` together with one of the tails, if one follows.
fn replace_with_tail(text: &str, old: &str, new: &str, tails: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(old) {
        out.push_str(before);
        out.push_str(new);
        let tail = tails.iter().find_map(|tail| after.strip_prefix(tail));
        rest = tail.unwrap_or(after);
    }
    out + rest
}
