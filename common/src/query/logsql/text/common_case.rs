//! The usual spellings of a text: each capital letter as it is or small, and all letters capital.

/// Most capital letters that are varied; each doubles the spellings. The parser refuses more.
const MAX_CAPITALS: usize = 10;

/// All usual spellings of the texts.
pub(super) fn spellings(texts: &[String]) -> Vec<String> {
    let mut all: Vec<String> = texts.iter().flat_map(|text| spellings_of(text)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn spellings_of(text: &str) -> Vec<String> {
    let mut prefixes = vec![String::with_capacity(text.len())];
    let mut capitals = 0;
    for c in text.chars() {
        let small = c
            .to_lowercase()
            .next()
            .filter(|small| *small != c && capitals < MAX_CAPITALS);
        let branches = small.map(|small| {
            capitals += 1;
            prefixes
                .iter()
                .map(|prefix| format!("{prefix}{small}"))
                .collect::<Vec<_>>()
        });
        prefixes.iter_mut().for_each(|prefix| prefix.push(c));
        prefixes.extend(branches.unwrap_or_default());
    }
    prefixes.push(text.to_uppercase());
    prefixes
}
