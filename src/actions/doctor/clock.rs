//! The clock: signatures, codes and every time on the record hang on it.

use super::Place;
use super::tools::{Looks, Must, Row, Tools};
use crate::domain::time::{Span, Timestamp};

pub(super) const ALL: &[Row] =
    &[Row { name: "clock", look: |tools, place| Box::pin(clock(tools, place)), needs: &[] }];

/// D51: within two seconds of AWS's. Its answer names whole seconds, and took some time on its way.
async fn clock(tools: &Tools, place: Place<'_>) -> Looks {
    let begun = tokio::time::Instant::now();
    let date = tools.date(&place.environment.regions.dr).await?;
    let took = Span(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
    let theirs = date.as_deref().and_then(|date| {
        let at = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
        Some(Timestamp(at.as_millisecond()))
    });
    let earliest = place.now.minus(Span::seconds(3));
    let latest = place.now.plus(took).plus(Span::seconds(2));
    let holds = theirs.is_some_and(|theirs| earliest <= theirs && theirs <= latest);
    let is = theirs.map(|theirs| theirs.rfc3339());
    Ok(vec![Must::of("").hold("Date", is, &format!("{} ± 2 s", place.now.rfc3339()), holds).look()])
}
