//! `math a / (b + 1) as r, ...`: arithmetic on fields.

use std::fmt;

use super::super::super::ast::write_separated;
use super::super::super::quote::{InQuotes, Quoted};
use super::super::super::value::{is_number_prefix, parse_number_or_unit};
use super::super::Result;
use super::super::cursor::{Cursor, Mark};
use super::super::fields::{MESSAGE, in_parens, name};
use super::super::lexer::TokenKind;
use super::Shape;

/// Symbols that end an operand.
const OPERAND_END: &[&str] = &["=", "+", "-", "*", "/", "%", "^", ",", "(", ")", "|", "!"];
/// How deep the tree of an expression may be.
const MAX_DEPTH: u32 = 200;

/// Computes fields, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Math {
    /// The expressions, at least one; each sees the results of those before it.
    pub entries: Vec<MathEntry>,
}

/// An expression and where its result goes.
#[derive(Debug, Clone, PartialEq)]
pub struct MathEntry {
    /// The expression.
    pub expr: MathExpr,
    /// The field that gets the result.
    pub result: String,
}

/// An arithmetic expression.
#[derive(Debug, Clone)]
pub enum MathExpr {
    /// A number in any form, and its text.
    Number(f64, String),
    /// The value of a field.
    Field(String),
    /// The negative.
    Negate(Box<MathExpr>),
    /// Two operands.
    Binary(MathOp, Box<MathExpr>, Box<MathExpr>),
    /// A function call.
    Call(MathFunc, Vec<MathExpr>),
}

/// Equal when the texts are: a number may be not a number.
impl PartialEq for MathExpr {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(_, a), Self::Number(_, b)) | (Self::Field(a), Self::Field(b)) => a == b,
            (Self::Negate(a), Self::Negate(b)) => a == b,
            (Self::Binary(op, a, b), Self::Binary(other, c, d)) => op == other && a == c && b == d,
            (Self::Call(func, a), Self::Call(other, b)) => func == other && a == b,
            _ => false,
        }
    }
}

/// Operators, with how they are written and how late they bind.
macro_rules! operators {
    ($($op:ident $text:literal $rank:literal,)+) => {
        /// An operator between two operands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum MathOp {
            $(#[doc = concat!("`", $text, "`")] $op,)+
        }

        impl MathOp {
            /// How it is written.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$op => $text,)+
                }
            }

            /// Operators with a lower rank bind closer.
            fn rank(self) -> u8 {
                match self {
                    $(Self::$op => $rank,)+
                }
            }

            fn here(c: &Cursor<'_>) -> Option<Self> {
                let token = c.token();
                match token.raw {
                    $($text if token.kind != TokenKind::Quoted => Some(Self::$op),)+
                    _ => None,
                }
            }
        }
    };
}

operators! {
    Power "^" 1,
    Multiply "*" 2,
    Divide "/" 2,
    Modulo "%" 2,
    Add "+" 3,
    Subtract "-" 3,
    And "&" 4,
    Xor "xor" 5,
    Or "or" 6,
    Default "default" 7,
}

/// Functions, with how they are written and how many arguments they take.
macro_rules! functions {
    ($($func:ident $text:literal $least:literal..=$most:expr,)+) => {
        /// A function of an expression.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum MathFunc {
            $(#[doc = concat!("`", $text, "`")] $func,)+
        }

        impl MathFunc {
            /// How it is written.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$func => $text,)+
                }
            }

            fn arguments(self) -> std::ops::RangeInclusive<usize> {
                match self {
                    $(Self::$func => $least..=$most,)+
                }
            }

            fn here(c: &Cursor<'_>) -> Option<Self> {
                $(if c.is($text) {
                    return Some(Self::$func);
                })+
                None
            }
        }

        const FUNCTIONS: &[&str] = &[$($text),+];
    };
}

functions! {
    Abs "abs" 1..=1,
    Ceil "ceil" 1..=1,
    Exp "exp" 1..=1,
    Floor "floor" 1..=1,
    Ln "ln" 1..=1,
    Max "max" 2..=usize::MAX,
    Min "min" 2..=usize::MAX,
    Now "now" 0..=0,
    Rand "rand" 0..=0,
    Round "round" 1..=2,
}

impl Shape for Math {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mut entries = vec![entry(c)?];
        while c.eat(",") {
            entries.push(entry(c)?);
        }
        Ok(Self { entries })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" ")?;
        write_separated(f, &self.entries, ", ")
    }

    fn keeps_time(&self) -> bool {
        self.entries.iter().all(|entry| entry.result != "_time")
    }
}

fn entry(c: &mut Cursor<'_>) -> Result<MathEntry> {
    let (expr, _) = c.nested(|c| binary(c, u8::MAX))?;
    let result = if c.is(",") || c.at_part_end() {
        expr.to_string()
    } else {
        c.eat("as");
        name(c)?
    };
    Ok(MathEntry { expr, result })
}

/// Operands joined by operators of at most this rank, and the depth of the tree. Equal ranks bind to the left.
fn binary(c: &mut Cursor<'_>, rank: u8) -> Result<(MathExpr, u32)> {
    let (mut left, mut depth) = operand(c)?;
    while let Some(op) = MathOp::here(c).filter(|op| op.rank() <= rank) {
        let mark = c.mark();
        c.advance();
        let (right, right_depth) = c.nested(|c| binary(c, op.rank() - 1))?;
        depth = deeper(c, mark, depth.max(right_depth))?;
        left = MathExpr::Binary(op, Box::new(left), Box::new(right));
    }
    Ok((left, depth))
}

fn deeper(c: &Cursor<'_>, mark: Mark, depth: u32) -> Result<u32> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(c.error_at(mark, format!("the expression has more than {MAX_DEPTH} levels")))
    }
}

fn operand(c: &mut Cursor<'_>) -> Result<(MathExpr, u32)> {
    let mark = c.mark();
    if c.eat("(") {
        let inner = c.nested(|c| binary(c, u8::MAX))?;
        c.expect(")")?;
        return Ok(inner);
    }
    if c.eat("-") {
        let (inner, depth) = c.nested(operand)?;
        return Ok((MathExpr::Negate(Box::new(inner)), deeper(c, mark, depth)?));
    }
    if c.eat("+") {
        return c.nested(operand);
    }
    if let Some(func) = MathFunc::here(c) {
        return call(c, func);
    }
    let text = c.compound("a field, a number, a function or '('", OPERAND_END)?;
    if !is_number_prefix(&text) {
        return Ok((
            MathExpr::Field(if text.is_empty() { MESSAGE.to_owned() } else { text }),
            1,
        ));
    }
    match parse_number_or_unit(&text) {
        Some(number) => Ok((MathExpr::Number(number, text), 1)),
        None => Err(c.error_at(mark, format!("expected a number, found '{text}'"))),
    }
}

fn call(c: &mut Cursor<'_>, func: MathFunc) -> Result<(MathExpr, u32)> {
    let mark = c.mark();
    c.advance();
    let mut depth = 0;
    let arguments = in_parens(c, |c| {
        let (argument, argument_depth) = c.nested(|c| binary(c, u8::MAX))?;
        depth = depth.max(argument_depth);
        Ok(argument)
    })?;
    if !func.arguments().contains(&arguments.len()) {
        return Err(c.error_at(
            mark,
            format!("wrong number of arguments of '{}': {}", func.text(), arguments.len()),
        ));
    }
    Ok((MathExpr::Call(func, arguments), deeper(c, mark, depth)?))
}

impl fmt::Display for MathEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expr {
            MathExpr::Binary(..) => write!(f, "({}) as {}", self.expr, Quoted(&self.result)),
            _ => write!(f, "{} as {}", self.expr, Quoted(&self.result)),
        }
    }
}

impl fmt::Display for MathExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(_, text) if text.chars().all(super::super::super::chars::is_token_char) => f.write_str(text),
            Self::Number(_, text) => InQuotes(text).fmt(f),
            Self::Field(name) if FUNCTIONS.contains(&name.to_lowercase().as_str()) => InQuotes(name).fmt(f),
            Self::Field(name) => Quoted(name).fmt(f),
            Self::Negate(inner) if matches!(**inner, Self::Binary(..)) => write!(f, "-({inner})"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Binary(op, left, right) => {
                let rank = op.rank();
                Side(left, rank + 1).fmt(f)?;
                write!(f, " {} ", op.text())?;
                Side(right, rank).fmt(f)
            }
            Self::Call(func, arguments) => {
                write!(f, "{}(", func.text())?;
                write_separated(f, arguments, ", ")?;
                f.write_str(")")
            }
        }
    }
}

/// An operand, in parentheses when its own operator has at least this rank.
struct Side<'a>(&'a MathExpr, u8);

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MathExpr::Binary(op, ..) if op.rank() >= self.1 => write!(f, "({})", self.0),
            other => other.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{ParseContext, parse_pipe};

    fn canonical(s: &str) -> String {
        parse_pipe(s, &ParseContext::at(0)).map_or_else(|error| error.to_string(), |pipe| pipe.to_string())
    }

    #[test]
    fn operators_bind_by_rank_and_to_the_left() {
        for (given, shown) in [
            ("math a default b + c * d as r", "math (a default b + c * d) as r"),
            ("math (a - b) - c as r", "math (a - b - c) as r"),
            ("math a - (b - c) as r", "math (a - (b - c)) as r"),
            ("math ((a + b)) * c as r", "math ((a + b) * c) as r"),
            ("math -(a+b)^-2 as r", "math (-(a + b) ^ -2) as r"),
            ("math a or b xor c & d as r", "math (a or b xor c & d) as r"),
            ("math a / b", "math (a / b) as \"a / b\""),
        ] {
            assert_eq!(canonical(given), shown, "{given}");
            assert_eq!(canonical(shown), shown, "{shown}");
        }
    }

    #[test]
    fn names_and_literals_keep_their_meaning() {
        for (given, shown) in [
            ("math \"round\" + \"min\" as r", "math (\"round\" + \"min\") as r"),
            ("math \"1e-5\" + 1.5KiB - 5m as r", "math (\"1e-5\" + 1.5KiB - 5m) as r"),
            (
                "math \"2024-01-01T00:00:00Z\" as r",
                "math \"2024-01-01T00:00:00Z\" as r",
            ),
            ("math \"a-b\" as r", "math \"a-b\" as r"),
        ] {
            assert_eq!(canonical(given), shown, "{given}");
            assert_eq!(canonical(shown), shown, "{shown}");
        }
    }

    #[test]
    fn long_chains_are_refused_not_overflowed() {
        assert!(canonical(&format!("math a{} as r", " + a".repeat(100))).starts_with("math (a + a"));
        assert!(canonical(&format!("math a{} as r", " + a".repeat(100_000))).contains("levels"));
        assert!(canonical(&format!("math {}a as r", "-".repeat(100_000))).contains("levels"));
    }
}
