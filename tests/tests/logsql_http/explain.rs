//! `explain=1`.

use super::target::Target;

pub fn a_report_instead_of_the_answer(target: &Target) {
    for (path, query) in [
        ("query", "name:test-span | fields name"),
        ("stats_query", "name:test-span | stats count() n"),
    ] {
        let reply = target.get(
            path,
            &[("query", query), ("explain", "1"), ("start", "2026-11-20T00:00:00Z")],
        );
        assert_eq!(reply.status, 200, "{}", reply.body);
        let report = reply.json();
        assert!(
            report["query"]
                .as_str()
                .is_some_and(|text| text.contains("name:\"test-span\"")),
            "{report}"
        );
        let plan = &report["plans"][0];
        assert_eq!(plan["start"], "2026-11-20T00:00:00Z");
        assert!(
            plan["filter"]
                .as_str()
                .is_some_and(|filter| filter.contains("test-span")),
            "{plan}"
        );
        assert!(plan["rows_scanned"].as_u64().is_some_and(|rows| rows > 0), "{plan}");
        let considered = plan["blocks_considered"].as_u64();
        assert_eq!(
            considered,
            Some(plan["blocks_pruned"].as_u64().unwrap_or(0) + plan["blocks_scanned"].as_u64().unwrap_or(0))
        );
    }
}
