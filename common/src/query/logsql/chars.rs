//! Classes of characters: what a word is made of and what is printed without an escape.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Sorted, disjoint ranges of characters.
type Ranges = Vec<(char, char)>;

static WORD: LazyLock<Ranges> = LazyLock::new(|| ranges_of(r"[\p{L}\p{Nd}_]"));
static PRINTED: LazyLock<Ranges> = LazyLock::new(|| ranges_of(r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"));

/// True for a character of a word: a letter, a decimal digit or `_`. A word boundary is where this changes.
pub fn is_word_char(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || c == '_'
    } else {
        contains(&WORD, c)
    }
}

/// True for a character that a word token of a query may have: those of a word, and `.`.
pub fn is_token_char(c: char) -> bool {
    c == '.' || is_word_char(c)
}

/// True for a character that a quoted string shows as it is.
pub fn is_printed(c: char) -> bool {
    if c.is_ascii() {
        (' '..='~').contains(&c)
    } else {
        contains(&PRINTED, c)
    }
}

fn contains(ranges: &Ranges, c: char) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= c);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|&(_, last)| c <= last)
}

fn ranges_of(class: &str) -> Ranges {
    let hir = regex_syntax::parse(class);
    match hir.as_ref().map(|hir| hir.kind()) {
        Ok(HirKind::Class(Class::Unicode(class))) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        _ => Ranges::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_digits_and_underscore() {
        assert!("aZ09_йЦ語µé٣".chars().all(is_word_char));
        assert!(!" .-:$/\u{301}½Ⅷ²".chars().any(is_word_char));
        assert!(is_token_char('.'));
    }

    #[test]
    fn controls_and_odd_spaces_are_not_printed() {
        assert!("a ~ЙЦ語½²€\u{301}".chars().all(is_printed));
        assert!(!"\n\t\u{7f}\u{a0}\u{2028}\u{200b}\u{e000}".chars().any(is_printed));
    }
}
