//! The months and quarters that figures are of, in UTC.

use crate::domain::time::{Span, Timestamp};

/// What figures are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// All there is: from the month of the first run.
    All,
    /// A quarter: the year, and 1 to 4.
    Quarter(i16, i8),
    /// A month: the year, and 1 to 12.
    Month(i16, i8),
}

impl Period {
    /// The month of an instant.
    pub fn month(at: Timestamp) -> Self {
        let (year, month) = at.month();
        Self::Month(year, month)
    }

    /// The quarter of an instant.
    pub fn quarter(at: Timestamp) -> Self {
        let (year, month) = at.month();
        Self::Quarter(year, (month - 1) / 3 + 1)
    }

    /// Whether an instant is in it.
    pub fn holds(self, at: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::Quarter(..) => Self::quarter(at) == self,
            Self::Month(..) => Self::month(at) == self,
        }
    }

    /// How much of it has passed; `first`: the first run of all.
    pub fn passed(self, first: Timestamp, now: Timestamp) -> Option<Span> {
        let (year, month, months) = match self {
            Self::All => {
                let (year, month) = first.month();
                return Some(now.since(Timestamp::of_month(year, month)?));
            }
            Self::Quarter(year, quarter) => (year, quarter * 3 - 2, 3),
            Self::Month(year, month) => (year, month, 1),
        };
        let (next_year, next) = match month + months {
            next if next > 12 => (year + 1, next - 12),
            next => (year, next),
        };
        let end = Timestamp::of_month(next_year, next)?;
        Some(end.min(now).since(Timestamp::of_month(year, month)?))
    }
}

impl std::fmt::Display for Period {
    /// `2026-11`, `2026-Q4`, `all`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Quarter(year, quarter) => write!(f, "{year}-Q{quarter}"),
            Self::Month(year, month) => write!(f, "{year}-{month:02}"),
        }
    }
}
