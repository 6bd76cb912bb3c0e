//! The table of flags in the README is the one that the definitions make. `UPDATE_README=1` writes it anew.

use common::config::flags_markdown;
use vtsingle::{SingleConfig, command};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
const BEGIN: &str = "<!-- flags: generated, see vtsingle/tests/readme.rs -->\n";
const END: &str = "<!-- end of flags -->";

#[test]
fn the_readme_lists_the_flags_as_they_are() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the mark before the table");
    let (_, after) = rest.split_once(END).expect("the mark behind the table");
    let wanted = format!(
        "{before}{BEGIN}{}{END}{after}",
        flags_markdown::<SingleConfig>(command())
    );
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(README, wanted).unwrap();
    } else {
        assert_eq!(
            readme, wanted,
            "run: UPDATE_README=1 cargo test -p vtsingle --test readme"
        );
    }
}
