//! The tables of flags in the documentation are those that the definitions make. `UPDATE_README=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests")]

use common::config::flags_markdown;
use vtinsert::node::InsertNodeConfig;
use vtselect::node::SelectNodeConfig;
use vtsingle::SingleConfig;
use vtstorage::node::StorageNodeConfig;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
const CLUSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flags.md");
const END: &str = "<!-- end of flags -->";

#[test]
fn the_readme_lists_the_flags_as_they_are() {
    check(README, "", &flags_markdown::<SingleConfig>(vtsingle::command()));
}

#[test]
fn the_page_of_flags_lists_those_of_a_clusters_programs() {
    let insert = flags_markdown::<InsertNodeConfig>(vtinsert::node::command());
    let select = flags_markdown::<SelectNodeConfig>(vtselect::node::command());
    let storage = flags_markdown::<StorageNodeConfig>(vtstorage::node::command());
    check(CLUSTER, "vtstorage, ", &storage);
    check(CLUSTER, "vtinsert, ", &insert);
    check(CLUSTER, "vtselect, ", &select);
}

/// Compares what stands in `file` behind the mark of `program` with `table`.
fn check(file: &str, program: &str, table: &str) {
    let begin = format!("<!-- flags: {program}generated, see vtsingle/tests/readme.rs -->\n");
    let page = std::fs::read_to_string(file).unwrap();
    let (before, rest) = page.split_once(&begin).expect("the mark before the table");
    let (_, after) = rest.split_once(END).expect("the mark behind the table");
    let wanted = format!("{before}{begin}{table}{END}{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(file, wanted).unwrap();
    } else {
        assert_eq!(
            page, wanted,
            "run: UPDATE_README=1 cargo test -p vtsingle --test readme"
        );
    }
}
