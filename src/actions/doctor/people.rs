//! People: nobody is the only one, and what only people can know was said lately.

use super::tools::{Looks, Must, Row};
use super::{Look, Place};
use crate::domain::actor::Role;
use crate::domain::time::{Span, Timestamp};

/// The roles that gates ask for.
const ANSWER: [Role; 3] = [Role::Ic, Role::Db, Role::Platform];
/// What a person vouches for, and how many days that is good.
const VOUCHED: [(&str, u64); 3] =
    [("on_call_phones", 90), ("dr_egress_ips", 180), ("printed_runbooks", 31)];

pub(super) const ALL: &[Row] = &[
    Row { name: "people", look: |_, place| Box::pin(people(place)), needs: &[] },
    Row { name: "vouched", look: |_, place| Box::pin(vouched(place)), needs: &[] },
];

/// D40: of each role that gates ask for there are two who can be reached in Slack. A group of Slack may give more; it
/// cannot be read while Slack is away.
async fn people(place: Place<'_>) -> Looks {
    let of = |role: Role| {
        let roles = [role];
        let all = place.environment.holders(&roles).filter(|person| person.slack.is_some());
        let names: Vec<&str> = all.map(|person| person.id.as_str()).collect();
        let is = if names.is_empty() { "-".to_owned() } else { names.join(" ") };
        Must::of(role.name()).hold(role.name(), Some(is), "≥ 2", names.len() >= 2).look()
    };
    Ok(ANSWER.map(of).into())
}

/// D41, D46, D54: what nobody can look up was vouched for not too long ago.
async fn vouched(place: Place<'_>) -> Looks {
    let look = |(what, days): (&str, u64)| {
        let said = place.text(&format!("/readiness/vouched/{what}"))?;
        let date: Option<jiff::civil::Date> = said.parse().ok();
        let at = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let at = at.map(|at| Timestamp(at.timestamp().as_millisecond()));
        let until = at.map(|at| at.plus(Span::minutes(days.saturating_mul(24 * 60))));
        let holds = at.zip(until).is_some_and(|(at, until)| at <= place.now && place.now <= until);
        let since = place.now.minus(Span::minutes(days.saturating_mul(24 * 60))).date();
        Some(Must::of(what).hold(what, Some(said.to_owned()), &format!("≥ {since}"), holds).look())
    };
    let looks: Vec<Look> = VOUCHED.into_iter().filter_map(look).collect();
    Ok(looks)
}
