//! What follows `_time:`.

use super::super::ast::{DayRange, Filter, TimeFilter, WeekRange};
use super::super::value::{ParsedTime, TimeRange, parse_clock_time, parse_duration, parse_time};
use super::Result;
use super::cursor::Cursor;

const DAYS: [(&str, &str); 7] = [
    ("sun", "sunday"),
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
];

/// A range of time, `day_range...` or `week_range...`.
pub(super) fn time_filter(c: &mut Cursor<'_>) -> Result<Filter> {
    if c.eat("day_range") {
        day_range(c).map(Filter::DayRange)
    } else if c.eat("week_range") {
        week_range(c).map(Filter::WeekRange)
    } else {
        time_range(c).map(Filter::Time)
    }
}

/// A range with an optional offset, or an offset alone: everything until that long ago.
fn time_range(c: &mut Cursor<'_>) -> Result<TimeFilter> {
    let (range, text) = if c.is("offset") {
        (
            TimeRange {
                start: i64::MIN,
                end: c.context.now,
            },
            String::new(),
        )
    } else {
        range(c)?
    };
    let (offset, offset_text) = offset(c)?;
    let text = if text.is_empty() {
        offset_text.trim_start().to_owned()
    } else {
        text + &offset_text
    };
    let start = if range.start == i64::MIN {
        i64::MIN
    } else {
        range.start.saturating_sub(offset)
    };
    Ok(TimeFilter {
        range: TimeRange {
            start,
            end: range.end.saturating_sub(offset),
        },
        text,
    })
}

/// ` offset 1h`, if it is here: nanoseconds and text.
fn offset(c: &mut Cursor<'_>) -> Result<(i64, String)> {
    if !c.eat("offset") {
        return Ok((0, String::new()));
    }
    let (offset, text) = duration(c)?;
    Ok((offset, format!(" offset {text}")))
}

fn range(c: &mut Cursor<'_>) -> Result<(TimeRange, String)> {
    if c.is_any(&["[", "("]) {
        return bracketed(c);
    }
    let side = c.token().raw;
    let (before, after) = (side == "<", side == ">");
    let mut sign = String::new();
    if before || after {
        c.advance();
        sign.push_str(side);
    }
    let inclusive = c.eat("=");
    if inclusive {
        sign.push('=');
    }
    let strict = (before || after) && !inclusive;
    if is_absolute(c) {
        let (time, text) = time(c)?;
        let open = i64::from(strict);
        let start = if before { i64::MIN } else { time.ns.saturating_add(open) };
        let end = if after {
            i64::MAX
        } else if strict {
            time.ns.saturating_sub(1)
        } else {
            time.last_ns
        };
        return Ok((TimeRange { start, end }, sign + &text));
    }
    let (age, text) = duration(c)?;
    let now = c.context.now;
    let age = age.saturating_abs();
    let range = if after {
        TimeRange {
            start: i64::MIN,
            end: now.saturating_sub(age.saturating_add(i64::from(strict))),
        }
    } else {
        TimeRange {
            start: now.saturating_sub(age - i64::from(strict)),
            end: now,
        }
    };
    Ok((range, sign + &text))
}

/// `[a, b)` and the like. A closed right end covers the unit that its text names.
fn bracketed(c: &mut Cursor<'_>) -> Result<(TimeRange, String)> {
    let closed_left = c.is("[");
    c.advance();
    let (from, from_text) = time(c)?;
    c.expect(",")?;
    let (to, to_text) = time(c)?;
    let closed_right = c.eat("]");
    if !closed_right && !c.eat(")") {
        return Err(c.expected("']' or ')'"));
    }
    let (left, start) = if closed_left {
        ('[', from.ns)
    } else {
        ('(', from.ns.saturating_add(1))
    };
    let (right, end) = if closed_right {
        (']', to.last_ns)
    } else {
        (')', to.ns.saturating_sub(1))
    };
    Ok((TimeRange { start, end }, format!("{left}{from_text},{to_text}{right}")))
}

/// True at `now` and at what starts with a year.
fn is_absolute(c: &Cursor<'_>) -> bool {
    let text = c.token().text.as_bytes();
    let year = text.len() >= 4 && text.iter().take(4).all(u8::is_ascii_digit);
    c.is("now") || year && text.get(4).is_none_or(|next| b"-+Zz".contains(next))
}

fn time(c: &mut Cursor<'_>) -> Result<(ParsedTime, String)> {
    let mark = c.mark();
    let text = c.value("a time")?;
    match parse_time(&text, c.context.now, c.context.zone_offset) {
        Some(time) => Ok((time, text)),
        None => Err(c.error_at(mark, format!("expected a time, found '{text}'"))),
    }
}

fn duration(c: &mut Cursor<'_>) -> Result<(i64, String)> {
    let mark = c.mark();
    let text = c.value("a duration")?;
    match parse_duration(&text) {
        Some(duration) => Ok((duration, text)),
        None => Err(c.error_at(mark, format!("expected a duration, found '{text}'"))),
    }
}

fn day_range(c: &mut Cursor<'_>) -> Result<DayRange> {
    let (bounds, [start, end], text) = clock_bounds(c, "a time of day as hh:mm", parse_clock_time)?;
    let (offset, offset_text) = offset(c)?;
    let (start, end) = (start + i64::from(bounds.open_left), end - i64::from(bounds.open_right));
    Ok(DayRange {
        start,
        end,
        offset,
        text: text + &offset_text,
    })
}

fn week_range(c: &mut Cursor<'_>) -> Result<WeekRange> {
    let (bounds, [start, end], text) = clock_bounds(c, "a day of the week", parse_day)?;
    let (offset, offset_text) = offset(c)?;
    let (start, end) = (start + i8::from(bounds.open_left), end - i8::from(bounds.open_right));
    Ok(WeekRange {
        start,
        end,
        offset,
        text: text + &offset_text,
    })
}

struct Bounds {
    open_left: bool,
    open_right: bool,
}

/// `[a, b)` and the like, with the text of it.
fn clock_bounds<T>(
    c: &mut Cursor<'_>,
    what: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<(Bounds, [T; 2], String)> {
    let open_left = c.is("(");
    if !open_left && !c.is("[") {
        return Err(c.expected("'[' or '('"));
    }
    c.advance();
    let bound = |c: &mut Cursor<'_>| {
        let mark = c.mark();
        let text = c.value(what)?;
        let parsed = parse(&text).ok_or_else(|| c.error_at(mark, format!("expected {what}, found '{text}'")))?;
        Ok((parsed, text))
    };
    let (start, start_text) = bound(c)?;
    c.expect(",")?;
    let (end, end_text) = bound(c)?;
    let open_right = c.eat(")");
    if !open_right && !c.eat("]") {
        return Err(c.expected("']' or ')'"));
    }
    let (left, right) = (if open_left { '(' } else { '[' }, if open_right { ')' } else { ']' });
    Ok((
        Bounds { open_left, open_right },
        [start, end],
        format!("{left}{start_text}, {end_text}{right}"),
    ))
}

/// 0 for Sunday.
fn parse_day(s: &str) -> Option<i8> {
    let day = DAYS
        .iter()
        .position(|(short, long)| s.eq_ignore_ascii_case(short) || s.eq_ignore_ascii_case(long))?;
    i8::try_from(day).ok()
}
