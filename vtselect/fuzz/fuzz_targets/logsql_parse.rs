//! Any bytes are refused with an error, or parse to a query whose canonical text gives an equal tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vtselect::logsql::{ParseContext, parse_query};

fuzz_target!(|bytes: &[u8]| {
    let context = ParseContext::at(1_700_000_000_000_000_000);
    let text = String::from_utf8_lossy(bytes);
    match parse_query(&text, &context) {
        Ok(query) => {
            let printed = query.to_string();
            let again = parse_query(&printed, &context).expect("canonical text parses");
            assert_eq!(again.to_string(), printed);
            assert!(again == query, "the canonical text gives another tree");
        }
        Err(error) => assert!(error.position() <= text.len() && !error.to_string().is_empty()),
    }
});
