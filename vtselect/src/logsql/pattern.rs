//! Patterns of `extract` and templates of `format`: text with `<field>` placeholders.

/// A literal text and the placeholder after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The text in front of the placeholder, with HTML escapes such as `&lt;` resolved.
    pub prefix: String,
    /// The name of the field; empty for `<_>`, `<*>` and `<>`, and for text after the last placeholder.
    pub field: String,
    /// What stands before a `:` in the placeholder, such as `q` in `<q:name>`.
    pub option: String,
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A `<` without `>`.
    #[error("missing '>' after '<{0}'")]
    Unclosed(String),
    /// Two placeholders with nothing between.
    #[error("missing text between <{0}> and <{1}>")]
    Adjacent(String, String),
    /// A placeholder that ends with `*`.
    #[error("a field name cannot end with '*': <{0}>")]
    Wildcard(String),
    /// No placeholder with a name.
    #[error("missing a named placeholder such as <field>")]
    NoField,
}

/// Reads a template of `format`. Any text without an open `<` is one.
pub fn parse_template(s: &str) -> Result<Vec<Step>, PatternError> {
    let steps = parse_steps(s)?;
    match steps.iter().find(|step| step.field.ends_with('*')) {
        Some(step) => Err(PatternError::Wildcard(step.field.clone())),
        None => Ok(steps),
    }
}

/// Reads a pattern of `extract`: at least one named placeholder, and text between any two.
pub fn parse_pattern(s: &str) -> Result<Vec<Step>, PatternError> {
    let steps = parse_template(s)?;
    if let Some(pair) = steps
        .windows(2)
        .find(|pair| matches!(pair, [_, next] if next.prefix.is_empty()))
    {
        let name = |step: Option<&Step>| step.map(|step| step.field.clone()).unwrap_or_default();
        return Err(PatternError::Adjacent(name(pair.first()), name(pair.last())));
    }
    if steps.iter().all(|step| step.field.is_empty()) {
        Err(PatternError::NoField)
    } else {
        Ok(steps)
    }
}

fn parse_steps(s: &str) -> Result<Vec<Step>, PatternError> {
    let mut steps = Vec::new();
    let mut rest = s;
    while let Some((prefix, tail)) = rest.split_once('<') {
        let (placeholder, tail) = tail
            .split_once('>')
            .ok_or_else(|| PatternError::Unclosed(tail.to_owned()))?;
        steps.push(step(prefix, placeholder));
        rest = tail;
    }
    if !rest.is_empty() {
        steps.push(step(rest, ""));
    }
    Ok(steps)
}

fn step(prefix: &str, placeholder: &str) -> Step {
    let placeholder = if matches!(placeholder, "_" | "*") {
        ""
    } else {
        placeholder
    };
    let (option, field) = placeholder.split_once(':').unwrap_or(("", placeholder));
    Step {
        prefix: unescape_html(prefix),
        field: field.trim().to_owned(),
        option: option.trim().to_owned(),
    }
}

/// Resolves `&lt; &gt; &amp; &quot; &apos; &nbsp;` and numeric escapes; anything else stays.
fn unescape_html(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some(at) = rest.find('&') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let escape = tail.get(1..).and_then(|tail| tail.split_once(';'));
        match escape.and_then(|(name, after)| Some((html_char(name)?, after))) {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = tail.get(1..).unwrap_or("");
            }
        }
    }
    out + rest
}

fn html_char(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let code = name.strip_prefix('#')?;
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(code).filter(|&c| c != '\0')?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(s: &str) -> Vec<(String, String, String)> {
        parse_template(s)
            .expect(s)
            .into_iter()
            .map(|step| (step.prefix, step.field, step.option))
            .collect()
    }

    fn triple(prefix: &str, field: &str, option: &str) -> (String, String, String) {
        (prefix.into(), field.into(), option.into())
    }

    #[test]
    fn templates_are_text_and_placeholders() {
        assert_eq!(parsed(""), []);
        assert_eq!(parsed("foo"), [triple("foo", "", "")]);
        assert_eq!(
            parsed("a&lt;&#38;&bad;<q: b ><_>c"),
            [triple("a<&&bad;", "b", "q"), triple("", "", ""), triple("c", "", "")]
        );
        assert_eq!(parse_template("<foo"), Err(PatternError::Unclosed("foo".into())));
        assert!(parse_template("<foo*>").is_err());
    }

    #[test]
    fn patterns_need_a_name_and_delimiters() {
        for wrong in ["", "foobar", "<>", "<_>x", "<foo><bar>", "abc<foo><_>", "<a*>"] {
            assert!(parse_pattern(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_pattern("foo<bar> <*>baz").map(|steps| steps.len()), Ok(3));
    }
}
