//! Whether an answer may be given although some storage nodes cannot be reached.

use crate::http::Params;
use clap::ValueEnum;

/// The parameter by which a request decides for itself.
const PARAM: &str = "allow_partial_response";

/// What is asked for, as partial answers matter to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Somebody looks at traces: some are better than none.
    Traces,
    /// Rows and numbers that somebody counts on.
    Numbers,
}

/// Which queries may be answered in part (`--search.allowPartialResponse`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum AllowPartial {
    #[value(alias = "false")]
    None,
    #[default]
    Traces,
    #[value(alias = "true")]
    All,
}

impl AllowPartial {
    /// Whether a query may be answered in part; `asked` is what its request says.
    pub fn allows(self, reading: Reading, asked: Option<bool>) -> bool {
        asked.unwrap_or(match self {
            Self::None => false,
            Self::Traces => reading == Reading::Traces,
            Self::All => true,
        })
    }
}

/// What a request says of it: `allow_partial_response=1|0`.
///
/// # Errors
/// With a message for the client where it says something else.
pub fn asked_for_partial(params: &Params) -> Result<Option<bool>, String> {
    match params.get(PARAM) {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(other) => Err(format!("{PARAM} must be 1 or 0; got {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_decides_or_else_the_flag() {
        use Reading::{Numbers, Traces};
        for (flag, traces, numbers) in [
            (AllowPartial::None, false, false),
            (AllowPartial::Traces, true, false),
            (AllowPartial::All, true, true),
        ] {
            assert_eq!(
                (flag.allows(Traces, None), flag.allows(Numbers, None)),
                (traces, numbers)
            );
            assert!(flag.allows(Numbers, Some(true)) && !flag.allows(Traces, Some(false)));
        }
        let asked = |query| asked_for_partial(&Params::parse(Some(query)));
        assert_eq!(asked("x=1"), Ok(None));
        assert_eq!(asked("allow_partial_response=1"), Ok(Some(true)));
        assert_eq!(asked("allow_partial_response=0"), Ok(Some(false)));
        assert!(asked("allow_partial_response=maybe").is_err());
        assert_eq!(AllowPartial::from_str("true", false), Ok(AllowPartial::All));
        assert_eq!(AllowPartial::from_str("false", false), Ok(AllowPartial::None));
    }
}
