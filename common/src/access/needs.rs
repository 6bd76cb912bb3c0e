//! What requests need, by their paths.

/// What a user may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Send spans
    Insert,
    /// Ask about spans
    Select,
    /// Read the program's metrics
    Metrics,
    /// All that is about the program and its cluster
    Admin,
}

/// What a request needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    Right(Right),
    /// Health: credentials of any user, unless the file opens it
    Health,
    /// Nothing to hide
    Nothing,
    /// Calls between nodes, which have a guard of their own
    Nodes,
}

/// What the paths of a listener need. What is not listed needs [`Right::Admin`].
#[derive(Clone, Debug, Default)]
pub struct Needs(Vec<(&'static str, Need)>);

impl Needs {
    /// For paths and all below them.
    pub fn of(paths: &[(&'static str, Need)]) -> Self {
        Self(paths.to_vec())
    }

    /// These and `others`.
    pub fn and(mut self, others: &[(&'static str, Need)]) -> Self {
        self.0.extend_from_slice(others);
        self
    }

    /// What a request for `path` needs: the longest of the listed paths counts.
    pub fn at(&self, path: &str) -> Need {
        let is_below = |listed: &str| match path.strip_prefix(listed) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        let listed = self.0.iter().filter(|(listed, _)| is_below(listed));
        let longest = listed.max_by_key(|(listed, _)| listed.len());
        longest.map_or(Need::Right(Right::Admin), |(_, need)| *need)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_counts_and_what_is_not_listed_is_for_admins() {
        let needs = Needs::of(&[("/select", Need::Right(Right::Select))]).and(&[("/select/open", Need::Nothing)]);
        assert_eq!(needs.at("/select/logsql/query"), Need::Right(Right::Select));
        assert_eq!(needs.at("/select"), Need::Right(Right::Select));
        assert_eq!(needs.at("/select/open/x"), Need::Nothing);
        for other in ["/selected", "/", "", "/internal/force_flush", "/SELECT/x", "/%73elect"] {
            assert_eq!(needs.at(other), Need::Right(Right::Admin), "{other}");
        }
    }
}
