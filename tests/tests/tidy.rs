//! The prose rules of this repository, checked: which part may know which, how long a file may be, what a module
//! opens with, where `unsafe` may stand, which licences come in. Reads the sources and `cargo metadata`; it knows
//! nothing of what the code does. Each rule has a test that it fires.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Package → the packages of this workspace that it may use, in any kind of dependency.
const PACKAGE_EDGES: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("vtinsert", &["common"]),
    ("vtstorage", &["common"]),
    ("vtselect", &["common"]),
    ("vtctl", &["common"]),
    ("vtsingle", &["common", "vtinsert", "vtstorage", "vtselect"]),
    ("tests", &["common", "vtinsert", "vtstorage", "vtselect", "vtsingle"]),
];

/// Outside crate → the only packages that may depend on it.
const CONFINED_CRATES: &[(&str, &[&str])] = &[("rocksdb", &["vtstorage"]), ("openraft", &["vtstorage"])];

/// In a package, a top module → the top modules that it must not name.
const MODULE_BANS: &[(&str, &str, &[&str])] = &[
    ("vtstorage", "engine", &["leaf", "cluster", "server"]),
    ("vtstorage", "leaf", &["cluster", "server"]),
    ("vtstorage", "cluster", &["leaf", "server"]),
    ("vtselect", "query", &["jaeger", "logsql", "tempo", "ui"]),
    ("vtselect", "jaeger", &["logsql", "tempo", "ui"]),
    ("vtselect", "logsql", &["jaeger", "tempo", "ui"]),
    ("vtselect", "tempo", &["jaeger", "logsql", "ui"]),
    ("vtselect", "ui", &["jaeger", "logsql", "tempo"]),
];

/// Files that may say `unsafe`; each says why at its head.
const UNSAFE_ALLOWED: &[&str] = &["tests/tests/simulation/entropy.rs"];

const PRODUCTION_LINES: usize = 500;

/// Paths of one machine, which no file may name. In pieces, so that this file does not.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/tmp/", "vt")];

#[test]
fn packages_depend_only_downwards() {
    let mut faults = Vec::new();
    for package in metadata(&["--no-deps"])["packages"].as_array().expect("packages") {
        let name = text(&package["name"]);
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            faults.extend(package_fault(
                name,
                text(&dependency["name"]),
                !dependency["path"].is_null(),
            ));
        }
    }
    none(&faults);
}

#[test]
fn modules_depend_only_downwards() {
    none(
        &sources()
            .iter()
            .flat_map(|source| module_faults(&source.path, &source.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_are_short() {
    none(
        &sources()
            .iter()
            .filter_map(|source| length_fault(&source.path, &source.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn modules_say_what_they_do() {
    none(
        &sources()
            .iter()
            .filter_map(|source| head_fault(&source.path, &source.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_stands_only_where_allowed() {
    none(
        &sources()
            .iter()
            .filter_map(|source| unsafe_fault(&source.path, &source.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let mut faults = Vec::new();
    for path in tracked_files() {
        // Not UTF-8: an image or another binary file.
        if let Ok(content) = std::fs::read_to_string(root().join(&path)) {
            faults.extend(machine_path_faults(&path, &content));
        }
    }
    none(&faults);
}

#[test]
fn licences_and_crates_are_those_of_deny_toml() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let (allowed, banned) = (toml_strings(&deny, "allow"), toml_strings(&deny, "deny"));
    assert!(
        allowed.contains("Apache-2.0") && !banned.is_empty(),
        "deny.toml was not understood"
    );
    let mut faults = Vec::new();
    for package in metadata(&[])["packages"].as_array().expect("packages") {
        let (name, licence) = (text(&package["name"]), package["license"].as_str().unwrap_or("none"));
        if !licence_allowed(licence, &allowed) {
            faults.push(format!("{name}: licence {licence} is not allowed by deny.toml"));
        }
        if banned.contains(name) {
            faults.push(format!("{name}: banned by deny.toml"));
        }
    }
    none(&faults);
}

// The rules, as pure functions.

fn package_fault(from: &str, to: &str, in_workspace: bool) -> Option<String> {
    let allowed = if in_workspace {
        let Some((_, allowed)) = PACKAGE_EDGES.iter().find(|(name, _)| *name == from) else {
            return Some(format!("{from}: a package without a line in PACKAGE_EDGES"));
        };
        allowed.contains(&to)
    } else {
        CONFINED_CRATES
            .iter()
            .all(|(name, users)| *name != to || users.contains(&from))
    };
    (!allowed).then(|| format!("{from} must not depend on {to}"))
}

fn module_faults(path: &str, source: &str) -> Vec<String> {
    let Some((package, inside)) = path.split_once("/src/") else {
        return Vec::new();
    };
    let module = module_path(inside);
    let Some(top) = module.first() else { return Vec::new() };
    let Some((_, _, banned)) = MODULE_BANS.iter().find(|(p, m, _)| *p == package && m == top) else {
        return Vec::new();
    };
    top_modules_named(&tokens(source), &module)
        .into_iter()
        .filter(|(target, _)| banned.contains(&target.as_str()))
        .map(|(target, line)| format!("{path}:{line}: {top} must not use {target}"))
        .collect()
}

fn length_fault(path: &str, source: &str) -> Option<String> {
    if is_test_file(path) || in_folder(path, &["gen"]) {
        return None;
    }
    let lines = source.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    (lines > PRODUCTION_LINES).then(|| format!("{path}: {lines} lines of production code, {PRODUCTION_LINES} allowed"))
}

/// A `tests.rs` beside what it tests needs no head, generated code cannot have one.
fn head_fault(path: &str, source: &str) -> Option<String> {
    if path.ends_with("/tests.rs") || in_folder(path, &["gen"]) {
        return None;
    }
    let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    (!says).then(|| format!("{path}: does not open with a `//!` that says what it does"))
}

fn unsafe_fault(path: &str, source: &str) -> Option<String> {
    if UNSAFE_ALLOWED.contains(&path) {
        return None;
    }
    let found = tokens(source).into_iter().find(|token| token.text == "unsafe")?;
    Some(format!("{path}:{}: unsafe, and not in UNSAFE_ALLOWED", found.line))
}

fn machine_path_faults(path: &str, content: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in content.lines().enumerate() {
        for machine in MACHINE_PATHS {
            // `/network/x` and `../x` of another tree are not meant: the path must begin there.
            let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}".contains(c));
            if line.match_indices(machine).any(|(at, _)| begins(at)) {
                faults.push(format!("{path}:{}: names {machine}", number + 1));
            }
        }
    }
    faults
}

/// Whether an SPDX expression can be met with allowed licences only. `/` is the old way to write `OR`.
fn licence_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "_WITH_");
    let words: Vec<String> = spaced
        .split_whitespace()
        .map(|word| word.replace("_WITH_", " WITH "))
        .collect();
    let mut rest = words.as_slice();
    either(&mut rest, allowed) && rest.is_empty()
}

fn either(words: &mut &[String], allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, allowed);
    while let Some(rest) = after(words, "OR") {
        *words = rest;
        met |= both(words, allowed);
    }
    met
}

fn both(words: &mut &[String], allowed: &BTreeSet<String>) -> bool {
    let mut met = single(words, allowed);
    while let Some(rest) = after(words, "AND") {
        *words = rest;
        met &= single(words, allowed);
    }
    met
}

fn single(words: &mut &[String], allowed: &BTreeSet<String>) -> bool {
    if let Some(rest) = after(words, "(") {
        *words = rest;
        let met = either(words, allowed);
        let closed = after(words, ")");
        *words = closed.unwrap_or(words);
        return met && closed.is_some();
    }
    let Some((name, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    allowed.contains(name)
}

fn after<'w>(words: &'w [String], expected: &str) -> Option<&'w [String]> {
    words
        .split_first()
        .filter(|(first, _)| *first == expected)
        .map(|(_, rest)| rest)
}

// Reading Rust just as far as the rules need.

#[derive(Debug, PartialEq)]
struct Token<'a> {
    /// A word, or one other character; `::` is one token. Comments and literals are left out.
    text: &'a str,
    line: usize,
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest).unwrap_or_else(|| {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let length = if word > 0 {
                word
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                found.push(Token {
                    text: &rest[..length],
                    line,
                });
            }
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the comment, string, character or lifetime that `rest` begins with.
fn literal_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| {
            let hashes = after.trim_start_matches('#');
            hashes.starts_with('"') && (prefix.ends_with('r') || hashes.len() == after.len())
        })
    });
    if let Some(prefix) = prefix {
        return Some(string_length(rest, prefix));
    }
    let quoted = rest.strip_prefix('\'')?;
    let mut characters = quoted.chars();
    let (first, second) = (characters.next()?, characters.next());
    if first == '\\' {
        let escaped = quoted.char_indices().nth(2).map_or(quoted.len(), |(at, _)| at);
        return Some(
            quoted[escaped..]
                .find('\'')
                .map_or(rest.len(), |end| 1 + escaped + end + 1),
        );
    }
    if second == Some('\'') {
        return Some(2 + first.len_utf8());
    }
    Some(1 + quoted.find(|c: char| !is_word(c)).unwrap_or(quoted.len()))
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn string_length(rest: &str, prefix: &str) -> usize {
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let start = prefix.len() + hashes + 1;
        return rest[start..]
            .find(&close)
            .map_or(rest.len(), |end| start + end + close.len());
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return prefix.len() + at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `engine/wal.rs` and `engine/wal/mod.rs` are both `engine, wal`; the roots are the empty path.
fn module_path(inside: &str) -> Vec<String> {
    let mut parts: Vec<String> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        parts.pop();
    }
    parts
}

/// The top modules of its own package that a file names, with the line: `crate::a`, `crate::{a, b::c}` and
/// `super::…` wherever the chain ends at the package's root.
fn top_modules_named(tokens: &[Token<'_>], module: &[String]) -> Vec<(String, usize)> {
    let mut named = Vec::new();
    let (mut depth, mut inline) = (0_usize, Vec::new());
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut at = 0;
    while at < tokens.len() {
        match word(at) {
            "mod" if word(at + 2) == "{" => inline.push(depth),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.pop_if(|opened| *opened == depth);
            }
            "crate" if word(at + 1) == "::" => collect_names(tokens, at + 2, &mut named),
            "super" if word(at.wrapping_sub(1)) != "::" => {
                let mut supers = 1;
                while word(at + 1) == "::" && word(at + 2) == "super" {
                    (supers, at) = (supers + 1, at + 2);
                }
                if word(at + 1) == "::" && supers == module.len() + inline.len() {
                    collect_names(tokens, at + 2, &mut named);
                }
            }
            _ => {}
        }
        at += 1;
    }
    named
}

/// The first names of the path or the `{…}` group of paths at `at`.
fn collect_names(tokens: &[Token<'_>], at: usize, named: &mut Vec<(String, usize)>) {
    let Some(first) = tokens.get(at) else { return };
    if first.text != "{" {
        named.push((first.text.to_owned(), first.line));
        return;
    }
    let mut depth = 1;
    for pair in tokens[at..].windows(2) {
        if depth == 1 && ["{", ","].contains(&pair[0].text) && pair[1].text.starts_with(is_word) {
            named.push((pair[1].text.to_owned(), pair[1].line));
        }
        match pair[1].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

// Reading the repository.

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("the program starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn tracked_files() -> Vec<String> {
    let listed = output(Command::new("git").args(["ls-files", "-z"]));
    let files: Vec<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    assert!(
        files.iter().any(|path| path == "Cargo.toml"),
        "this is not a checkout of the repository"
    );
    files
}

/// All Rust files of the checkout; one that is deleted but still tracked is left out.
fn sources() -> Vec<Source> {
    tracked_files()
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .filter_map(|path| {
            Some(Source {
                text: std::fs::read_to_string(root().join(&path)).ok()?,
                path,
            })
        })
        .collect()
}

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(arguments);
    serde_json::from_str(&output(&mut cargo)).expect("JSON from cargo metadata")
}

/// The strings of the TOML array `key = […]`, or the `crate`s of its inline tables, which `deny.toml` writes one to a
/// line.
fn toml_strings(toml: &str, key: &str) -> BTreeSet<String> {
    let opening = format!("{key} = [");
    let lines = toml
        .lines()
        .skip_while(|line| **line != opening)
        .skip(1)
        .take_while(|line| *line != "]");
    lines
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn in_folder(path: &str, names: &[&str]) -> bool {
    Path::new(path)
        .parent()
        .is_some_and(|folder| folder.iter().any(|part| names.iter().any(|name| part == *name)))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || in_folder(path, &["tests", "benches"])
}

#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} found:\n{}", faults.len(), faults.join("\n"));
}

// The rules fire, and fire only where they should.

#[test]
fn package_rule() {
    assert!(package_fault("vtselect", "vtstorage", true).is_some());
    assert!(package_fault("common", "vtinsert", true).is_some());
    assert!(package_fault("stranger", "common", true).is_some());
    assert!(package_fault("vtselect", "rocksdb", false).is_some());
    assert!(package_fault("vtstorage", "rocksdb", false).is_none());
    assert!(package_fault("vtsingle", "vtstorage", true).is_none());
}

#[test]
fn module_rule() {
    let engine = |source: &str| module_faults("vtstorage/src/engine/wal.rs", source).len();
    assert_eq!(engine("use crate::server::Listener;"), 1);
    assert_eq!(engine("use crate::{engine::{leaf, server}, cluster::X, leaf};"), 2);
    assert_eq!(engine("use super::super::leaf::Scan;"), 1);
    assert_eq!(engine("fn f() { crate::cluster::g() }"), 1);
    assert_eq!(
        engine("mod tests { use super::super::leaf; use super::super::super::leaf; }"),
        1
    );
    assert_eq!(engine("mod a { } use super::super::{leaf};"), 1);
    assert_eq!(
        engine("use super::leaf; // crate::server\nconst S: &str = \"crate::server\";"),
        0
    );
    assert_eq!(
        module_faults("vtstorage/src/leaf.rs", "use crate::engine::Engine; use super::server;").len(),
        1
    );
    assert_eq!(module_faults("vtstorage/src/lib.rs", "use crate::server;").len(), 0);
    assert_eq!(
        module_faults("vtselect/src/tempo/mod.rs", "use crate::{query, jaeger};").len(),
        1
    );
}

#[test]
fn length_rule() {
    let long = "//! x\n".repeat(PRODUCTION_LINES + 1);
    assert!(length_fault("common/src/a.rs", &long).is_some());
    assert!(length_fault("common/src/tests.rs", &long).is_none());
    assert!(length_fault("common/src/gen/a.rs", &long).is_none());
    assert!(length_fault("tests/tests/a.rs", &long).is_none());
    let tested = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        "//! x\n".repeat(PRODUCTION_LINES),
        "\n".repeat(99)
    );
    assert!(length_fault("common/src/a.rs", &tested).is_none());
}

#[test]
fn head_rule() {
    assert!(head_fault("common/src/a.rs", "\n//! Ids.\n").is_none());
    assert!(head_fault("common/src/a.rs", "//!\n//! Ids.\n").is_some());
    assert!(head_fault("common/src/a.rs", "use std::fmt;\n//! Ids.\n").is_some());
    assert!(head_fault("common/src/a.rs", "").is_some());
    assert!(head_fault("common/src/a/tests.rs", "use super::*;").is_none());
}

#[test]
fn unsafe_rule() {
    assert!(unsafe_fault("a.rs", "fn f() { unsafe { g() } }").is_some());
    assert!(
        unsafe_fault(
            "a.rs",
            "#![forbid(unsafe_code)] // unsafe\nfn f() { g(\"unsafe\", r#\"un\"safe\"#) }"
        )
        .is_none()
    );
    let tricky =
        "/* /* unsafe */ unsafe */ let q = '\"'; let e = '\\''; fn f<'unsafe_>() {} b\"\\\"unsafe\"; '\\u{41}'";
    assert!(unsafe_fault("a.rs", tricky).is_none(), "{:?}", tokens(tricky));
    assert_eq!(
        unsafe_fault("a.rs", "\n\"\n\"\nunsafe").as_deref(),
        Some("a.rs:4: unsafe, and not in UNSAFE_ALLOWED")
    );
}

#[test]
fn machine_path_rule() {
    let [first, second] = MACHINE_PATHS else {
        panic!("two paths")
    };
    assert_eq!(
        machine_path_faults("a", &format!("x\ncd {first}main\nls {second}-data")).len(),
        2
    );
    assert_eq!(
        machine_path_faults("a", &format!("https://example.org{first}x $HOME{second}")).len(),
        0
    );
}

#[test]
fn licence_rule() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned));
    for good in [
        "MIT",
        "GPL-3.0/MIT",
        "MIT AND ISC",
        "(GPL-3.0 OR MIT) AND ISC",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(licence_allowed(good, &allowed), "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "none",
        "",
        "(MIT",
        "MIT ISC",
        "Apache-2.0",
    ] {
        assert!(!licence_allowed(bad, &allowed), "{bad}");
    }
}
