//! Syslog messages (RFC 3164 and RFC 5424) as fields. What does not fit the form is the message.

use super::super::value::{SECOND, format_rfc3339, parse_rfc3339};

/// How times without a year and a zone are read.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Unix nanoseconds
    pub now: i64,
    /// How far times are east of UTC, nanoseconds
    pub offset: i64,
}

const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

const LEVELS: [&str; 8] = [
    "emerg", "alert", "critical", "error", "warning", "notice", "info", "debug",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Fields under construction.
type Fields = Vec<(String, String)>;

/// The fields of a message; none of the empty text.
pub fn read(text: &str, clock: Clock) -> Fields {
    let mut fields = Fields::new();
    if text.is_empty() {
        return fields;
    }
    let rest = priority(text, &mut fields).unwrap_or(text);
    match rest.strip_prefix("1 ") {
        Some(rest) => rfc5424(rest, &mut fields),
        None => rfc3164(rest, clock, &mut fields),
    }
    fields
}

fn add(fields: &mut Fields, name: &str, value: &str) {
    fields.push((name.to_owned(), value.to_owned()));
}

/// Reads `<N>`; the rest of the text.
fn priority<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let priority: u64 = digits.parse().ok()?;
    let (facility, severity) = (priority / 8, priority % 8);
    add(fields, "priority", digits);
    let at = |names: &[&'static str], number: u64| usize::try_from(number).ok().and_then(|at| names.get(at).copied());
    let keyword = at(&FACILITIES, facility).map_or_else(|| facility.to_string(), str::to_owned);
    add(fields, "facility_keyword", &keyword);
    add(fields, "level", at(&LEVELS, severity).unwrap_or_default());
    add(fields, "facility", &facility.to_string());
    add(fields, "severity", &severity.to_string());
    Some(rest)
}

/// Reads `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [STRUCTURED-DATA] MESSAGE`.
fn rfc5424(text: &str, fields: &mut Fields) {
    add(fields, "format", "rfc5424");
    let mut rest = text;
    for name in ["timestamp", "hostname", "app_name", "proc_id", "msg_id"] {
        let Some((value, after)) = rest.split_once(' ') else {
            if !rest.is_empty() {
                add(fields, name, rest);
            }
            return;
        };
        add(fields, name, value);
        rest = after;
    }
    let message = structured_data(rest, fields).unwrap_or(rest);
    if !message.is_empty() {
        add(fields, "message", message);
    }
}

/// Reads `-` or `[ID key="value" …]…`; what follows, without the space in between. `None` where it is neither.
fn structured_data<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix('-') {
        return if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix(' ')
        };
    }
    let mut found = Fields::new();
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        rest = element_of(element, &mut found)?;
    }
    let message = if rest.is_empty() { rest } else { rest.strip_prefix(' ')? };
    fields.extend(found);
    Some(message)
}

/// Reads an element behind its `[`; the text behind its `]`.
fn element_of<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let (id, mut rest) = text.split_at(text.find([' ', ']'])?);
    if rest.starts_with(']') {
        add(fields, id, "");
    }
    loop {
        rest = match rest.strip_prefix(']') {
            Some(rest) => return Some(rest),
            None => rest.trim_start_matches(' '),
        };
        if rest.starts_with(']') {
            continue;
        }
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        add(fields, &format!("{id}.{key}"), &value);
        rest = after;
    }
}

/// Reads a value up to its closing quote; `\"`, `\\` and `\]` stand for the second character.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

/// Reads `Mon DD hh:mm:ss HOSTNAME APP-NAME[PROCID]: MESSAGE`.
fn rfc3164(text: &str, clock: Clock, fields: &mut Fields) {
    add(fields, "format", "rfc3164");
    let Some((time, rest)) = timestamp(text, clock) else {
        if !text.is_empty() {
            add(fields, "message", text);
        }
        return;
    };
    add(fields, "timestamp", &time);
    let Some(rest) = rest.strip_prefix(' ') else {
        if !rest.is_empty() {
            add(fields, "message", rest);
        }
        return;
    };
    let Some((host, rest)) = rest.split_once(' ') else {
        add(fields, "hostname", rest);
        return;
    };
    add(fields, "hostname", host);
    let (app, mut rest) = rest.split_at(rest.find(['[', ':', ' ']).unwrap_or(rest.len()));
    add(fields, "app_name", app);
    if let Some(process) = rest.strip_prefix('[') {
        let Some((process, after)) = process.split_once(']') else {
            return;
        };
        add(fields, "proc_id", process);
        rest = after;
    }
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    if !message.is_empty() {
        add(fields, "message", message);
    }
}

/// Reads `Mon DD hh:mm:ss`, or a time of RFC 3339 in its place; its text, and the rest.
fn timestamp(text: &str, clock: Clock) -> Option<(String, &str)> {
    const LENGTH: usize = "Jan _2 15:04:05".len();
    if let Some((time, rest)) = text.split_at_checked(LENGTH)
        && let Some(ns) = of_this_year(time, clock)
    {
        return Some((format_rfc3339(ns), rest));
    }
    let (time, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    let is_whole = time.contains('T') && (time.ends_with('Z') || time.get(19..)?.contains(['+', '-']));
    is_whole.then_some(())?;
    Some((format_rfc3339(parse_rfc3339(time)?), rest))
}

/// The time in the current year; in the last one if that is more than a day ahead.
fn of_this_year(text: &str, clock: Clock) -> Option<i64> {
    let (month, rest) = text.split_once(' ')?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (day, clock_time) = rest.trim_start().split_once(' ')?;
    let day: u32 = day.parse().ok()?;
    let year: i64 = format_rfc3339(clock.now.saturating_add(clock.offset))
        .get(..4)?
        .parse()
        .ok()?;
    let in_year = |year: i64| {
        let local = parse_rfc3339(&format!("{year:04}-{month:02}-{day:02}T{clock_time}Z"))?;
        local.checked_sub(clock.offset)
    };
    let time = in_year(year)?;
    if time > clock.now.saturating_add(86_400 * SECOND) {
        return in_year(year - 1);
    }
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let clock = Clock {
            now: parse_rfc3339("2023-06-03T12:00:00Z").unwrap(),
            offset: 0,
        };
        let mut found = read(text, clock);
        found.sort();
        let mut expected: Fields = expected.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        expected.sort();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn messages_of_rfc_3164() {
        let all = [
            ("format", "rfc3164"),
            ("timestamp", "2023-06-03T12:08:33Z"),
            ("hostname", "abcd"),
            ("app_name", "systemd"),
            ("proc_id", "1"),
            ("message", "Starting: it"),
        ];
        check("Jun  3 12:08:33 abcd systemd[1]: Starting: it", &all);
        check("Jun  3 12:08:33 abcd", &all[..3]);
        check("Jun  3 12:08:33 abcd systemd", &all[..4]);
        check("Jun  3 12:08:33 abcd systemd[1]:", &all[..5]);
        check(
            "Jun  5 12:08:33",
            &[("format", "rfc3164"), ("timestamp", "2022-06-05T12:08:33Z")],
        );
        check(
            "<13>2023-06-03T12:08:33.5+02:00 abcd su: 'su root' failed",
            &[
                ("priority", "13"),
                ("facility", "1"),
                ("facility_keyword", "user"),
                ("severity", "5"),
                ("level", "notice"),
                ("format", "rfc3164"),
                ("timestamp", "2023-06-03T10:08:33.5Z"),
                ("hostname", "abcd"),
                ("app_name", "su"),
                ("message", "'su root' failed"),
            ],
        );
        check(
            "Foo 99 12:08:33 abcd",
            &[("format", "rfc3164"), ("message", "Foo 99 12:08:33 abcd")],
        );
        check("", &[]);
    }

    #[test]
    fn messages_of_rfc_5424() {
        let head = [
            ("format", "rfc5424"),
            ("timestamp", "2023-06-03T17:42:32.123456789Z"),
            ("hostname", "host"),
            ("app_name", "app"),
            ("proc_id", "12"),
            ("msg_id", "ID47"),
        ];
        let with = |rest: &[(&'static str, &'static str)]| [&head, rest].concat();
        let text = "1 2023-06-03T17:42:32.123456789Z host app 12 ID47";
        check(text, &head);
        check(&format!("{text} - hello"), &with(&[("message", "hello")]));
        check(
            &format!(r#"{text} [id@1 a="x y" b="\"\]\\"][other] hello [1]"#),
            &with(&[
                ("id@1.a", "x y"),
                ("id@1.b", r#""]\"#),
                ("other", ""),
                ("message", "hello [1]"),
            ]),
        );
        check(
            &format!("{text} [open a=\"b\" hello"),
            &with(&[("message", "[open a=\"b\" hello")]),
        );
    }

    #[test]
    fn times_without_a_zone_are_in_that_of_the_clock() {
        let clock = Clock {
            now: parse_rfc3339("2023-01-01T00:30:00Z").unwrap(),
            offset: -2 * 3_600 * SECOND,
        };
        let time = |text| {
            read(text, clock)
                .into_iter()
                .find(|(name, _)| name == "timestamp")
                .unwrap()
                .1
        };
        assert_eq!(time("Dec 31 22:15:00"), "2023-01-01T00:15:00Z");
        assert_eq!(time("Jan  1 01:00:00"), "2022-01-01T03:00:00Z");
    }
}
