//! Forms of the type `multipart/form-data` (RFC 7578): the texts of their fields.

/// The type of such a form, without its parameters.
pub(super) const TYPE: &str = "multipart/form-data";

/// The fields of a form with their values, in order. Files count as fields; parts without a name are left out.
///
/// # Errors
/// With what is wrong about the form.
pub(super) fn fields(content_type: &str, body: &str) -> Result<Vec<(String, String)>, &'static str> {
    let boundary = parameter(content_type, "boundary").ok_or("it has no boundary")?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line in front of it.
    let first = body.strip_prefix(delimiter.trim_start());
    let mut rest = match first {
        Some(rest) => rest,
        None => body.split_once(&delimiter).ok_or("it has no parts")?.1,
    };
    let mut fields = Vec::new();
    while !rest.starts_with("--") {
        let (part, next) = rest.split_once(&delimiter).ok_or("a part of it is not closed")?;
        rest = next;
        let (_, part) = part.split_once("\r\n").ok_or("a part of it has no header")?;
        let (header, value) = match part.strip_prefix("\r\n") {
            Some(value) => ("", value),
            None => part
                .split_once("\r\n\r\n")
                .ok_or("a part of it has no end of its header")?,
        };
        if let Some(name) = header.split("\r\n").find_map(name_in) {
            fields.push((name, value.to_owned()));
        }
    }
    Ok(fields)
}

/// The name of the field, if the line of a header has it.
fn name_in(line: &str) -> Option<String> {
    let (header, value) = line.split_once(':')?;
    let is_disposition = header.trim().eq_ignore_ascii_case("content-disposition");
    is_disposition.then(|| parameter(value, "name"))?
}

/// The value of `; name=value` or `; name="value"`.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.split_once(';')?.1.trim_start();
        let Some((found, value)) = rest.split_once('=') else {
            continue;
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if found.trim().eq_ignore_ascii_case(name) {
            // Browsers write quotes inside of names like this.
            return Some(value.trim_end().replace("%22", "\""));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn fields_are_read_as_browsers_and_curl_send_them() {
        let body = "--xyz\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\na:b | fields\r\nc\r\n--xyz\r\n\
                    content-type: text/plain\r\ncontent-disposition: form-data; filename=\"a;name=b\"; name=limit\r\n\r\n5\
                    \r\n--xyz\r\n\r\nno name\r\n--xyz--\r\n";
        let expected = pairs(&[("query", "a:b | fields\r\nc"), ("limit", "5")]);
        for content_type in [
            "multipart/form-data; boundary=xyz",
            "multipart/form-data; charset=utf-8; boundary=\"xyz\"",
        ] {
            assert_eq!(fields(content_type, body), Ok(expected.clone()), "{content_type}");
        }
        let preamble = format!("preamble\r\n{body}");
        assert_eq!(fields("multipart/form-data;boundary=xyz", &preamble), Ok(expected));
    }

    #[test]
    fn broken_forms_are_refused() {
        let kind = "multipart/form-data; boundary=b";
        for (kind, body) in [
            ("multipart/form-data", ""),
            (kind, ""),
            (kind, "--b"),
            (kind, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nopen"),
            (kind, "--b no line\r\n--b--"),
            (kind, "--b\r\nContent-Disposition: form-data; name=a\r\n--b--"),
        ] {
            assert!(fields(kind, body).is_err(), "{body}");
        }
        assert_eq!(fields(kind, "--b--"), Ok(Vec::new()));
    }
}
