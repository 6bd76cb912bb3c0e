//! RE2 syntax to the syntax of the `regex` crate.

use super::RegexpError;

/// Largest bound of a repetition in RE2.
const MAX_REPEAT: u32 = 1_000;

/// Rewrites an RE2 expression so that the `regex` crate gives it the same meaning. What both refuse is left for the
/// compiler to refuse.
pub(super) fn translate(text: &str) -> Result<String, RegexpError> {
    let mut t = Translator {
        rest: text,
        out: String::with_capacity(text.len() + 8),
        repeated: false,
    };
    while let Some(c) = t.bump() {
        t.item(c)?;
    }
    Ok(t.out)
}

struct Translator<'t> {
    rest: &'t str,
    out: String,
    /// The item before was a repetition, which may not be repeated again.
    repeated: bool,
}

impl<'t> Translator<'t> {
    fn bump(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or("");
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn item(&mut self, c: char) -> Result<(), RegexpError> {
        let repeats = match c {
            '*' | '+' | '?' => Some(c.to_string()),
            '{' => self.counted()?,
            _ => None,
        };
        if let Some(repeat) = repeats {
            return self.repetition(&repeat);
        }
        self.repeated = false;
        match c {
            '\\' => self.escape(),
            '[' => self.class(),
            '(' => self.group()?,
            '{' | '}' | ']' => self.literal(c),
            _ => self.out.push(c),
        }
        Ok(())
    }

    fn repetition(&mut self, repeat: &str) -> Result<(), RegexpError> {
        if self.repeated {
            return Err(RegexpError::new("a repetition cannot be repeated"));
        }
        self.out.push_str(repeat);
        if self.eat("?") {
            self.out.push('?');
        }
        self.repeated = true;
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,5}` after the brace; any other brace is a character.
    fn counted(&mut self) -> Result<Option<String>, RegexpError> {
        let Some((bounds, rest)) = self.rest.split_once('}') else {
            return Ok(None);
        };
        let (min, max) = bounds.split_once(',').unwrap_or((bounds, bounds));
        let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !number(min) || !(max.is_empty() || number(max)) {
            return Ok(None);
        }
        let too_large = |s: &str| !s.is_empty() && s.parse::<u32>().map_or(true, |n| n > MAX_REPEAT);
        if too_large(min) || too_large(max) {
            return Err(RegexpError::new(format!("a repetition count is at most {MAX_REPEAT}")));
        }
        self.rest = rest;
        Ok(Some(format!("{{{bounds}}}")))
    }

    /// A group after its parenthesis. Flags and characters of names that RE2 does not have are refused.
    fn group(&mut self) -> Result<(), RegexpError> {
        self.out.push('(');
        if !self.eat("?") {
            return Ok(());
        }
        self.out.push('?');
        let name = self
            .rest
            .strip_prefix('P')
            .unwrap_or(self.rest)
            .strip_prefix('<')
            .and_then(|name| name.split_once('>'));
        if let Some((name, _)) = name {
            let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if valid {
                Ok(())
            } else {
                Err(RegexpError::new(format!("invalid name of a group: {name:?}")))
            };
        }
        let flags: String = self
            .rest
            .chars()
            .take_while(|&c| c.is_ascii_alphabetic() || c == '-')
            .collect();
        match flags.chars().find(|c| !"imsU-".contains(*c)) {
            Some(flag) => Err(RegexpError::new(format!("unknown flag of a group: {flag:?}"))),
            None => Ok(()),
        }
    }

    fn literal(&mut self, c: char) {
        if r"\.+*?()|[]{}^$-&~#".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn escape(&mut self) {
        let Some(c) = self.bump() else {
            return self.out.push('\\');
        };
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            's' => self.out.push_str(r"[\t\n\x0C\r ]"),
            'S' => self.out.push_str(r"[^\t\n\x0C\r ]"),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'Q' => self.quoted(),
            _ => self.common_escape(c),
        }
    }

    /// `\Q...\E`: everything between is itself.
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        text.chars().for_each(|c| self.literal(c));
    }

    /// Escapes that mean the same inside and outside of a class.
    fn common_escape(&mut self, c: char) {
        match c {
            'p' | 'P' | 'x' if self.rest.starts_with('{') => self.braced_escape(c),
            '0'..='7' => self.octal(c),
            c if c.is_ascii_alphanumeric() || !c.is_ascii() => self.out.extend(['\\', c]),
            c => self.literal(c),
        }
    }

    /// `\p{Greek}`, `\p{^Greek}`, `\x{10FFFF}`.
    fn braced_escape(&mut self, letter: char) {
        let (body, rest) = self.rest.split_once('}').unwrap_or((self.rest, ""));
        self.rest = rest;
        let body = body.strip_prefix('{').unwrap_or(body);
        let (letter, body) = match (letter, body.strip_prefix('^')) {
            ('p', Some(body)) => ('P', body),
            ('P', Some(body)) => ('p', body),
            _ => (letter, body),
        };
        self.out.push_str(&format!("\\{letter}{{{body}}}"));
    }

    /// `\0` to `\377`; a single digit from 1 to 7 would be a back reference, which neither side has.
    fn octal(&mut self, first: char) {
        let more = self
            .rest
            .bytes()
            .take(2)
            .take_while(|b| (b'0'..=b'7').contains(b))
            .count();
        if first != '0' && more == 0 {
            return self.out.extend(['\\', first]);
        }
        let (digits, rest) = self.rest.split_at_checked(more).unwrap_or(("", self.rest));
        self.rest = rest;
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).unwrap_or(0);
        self.out.push_str(&format!("\\x{{{code:X}}}"));
    }

    /// A class after its bracket. Only `]`, `\`, ranges and `[:name:]` are special.
    fn class(&mut self) {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            if self.rest.starts_with("[:") && self.rest.contains(":]") {
                let (name, rest) = self.rest.split_once(":]").unwrap_or((self.rest, ""));
                self.out.push_str(name);
                self.out.push_str(":]");
                self.rest = rest;
            } else {
                match self.bump() {
                    None => return,
                    Some(']') if !first => return self.out.push(']'),
                    Some(c) => self.class_item(c),
                }
            }
            first = false;
        }
    }

    /// A character or a range of characters.
    fn class_item(&mut self, c: char) {
        self.class_char(c);
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() > 1 {
            self.bump();
            self.out.push('-');
            if let Some(last) = self.bump() {
                self.class_char(last);
            }
        }
    }

    fn class_char(&mut self, c: char) {
        if c != '\\' {
            return self.literal(c);
        }
        match self.bump() {
            None => self.out.push('\\'),
            Some('d') => self.out.push_str("0-9"),
            Some('w') => self.out.push_str("0-9A-Za-z_"),
            Some('s') => self.out.push_str(r"\t\n\x0C\r\x20"),
            Some('D') => self.out.push_str("[^0-9]"),
            Some('W') => self.out.push_str("[^0-9A-Za-z_]"),
            Some('S') => self.out.push_str(r"[^\t\n\x0C\r\x20]"),
            Some(c) => self.common_escape(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Regexp;

    fn matches(pattern: &str, value: &str) -> bool {
        Regexp::unanchored(pattern)
            .unwrap_or_else(|error| panic!("{pattern}: {error}"))
            .is_match(value)
    }

    #[test]
    fn perl_classes_and_boundaries_are_ascii() {
        assert!(
            !matches(r"^\d$", "٣") && matches(r"^\D$", "٣") && !matches(r"^\w$", "й") && matches(r"^[\W\d]+$", "й5")
        );
        assert!(matches(r"\bfoo\b", "йfooй") && matches(r"o\B", "foo") && !matches(r"^\s$", "\u{a0}"));
    }

    #[test]
    fn braces_and_brackets_may_be_characters() {
        for (pattern, value) in [
            ("^{foo}$", "{foo}"),
            ("^a{,2}$", "a{,2}"),
            ("^a{2}$", "aa"),
            ("^x]$", "x]"),
            ("^[]a]+$", "]a"),
            ("^[[a]$", "["),
            ("^[a&&b]+$", "&ab"),
            ("^[a~~b]+$", "~"),
            ("^[+--]+$", "+,-"),
            ("^[a-]+$", "-a"),
            ("^[[:alpha:]-]+$", "a-"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn escapes_of_re2() {
        for (pattern, value) in [
            (r"^\<\_\/\-\#$", "<_/-#"),
            (r"^\Qa.b[\Ec$", "a.b[c"),
            (r"^\101\x42\x{43}\x{1F600}$", "ABC\u{1f600}"),
            (r"^[\x{430}-\x{44f}\p{Greek}]+$", "йω"),
            (r"^\p{^L}$", "5"),
            (r"^\pL$", "й"),
            ("^a #b$", "a #b"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn refuses_what_re2_refuses() {
        for pattern in [
            "*a", "a**", "a{2}{3}", "a{1001}", r"\1", r"\8", "(?x)a b", "[a", "a{3,2}", r"\", "(?P<*>a)",
        ] {
            assert!(Regexp::unanchored(pattern).is_err(), "{pattern}");
        }
    }
}
