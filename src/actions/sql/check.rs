//! `sql.check`: one question to a database. It only reads.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::questions::Question;
use super::{Asking, GRACE, Row, SYSTEMS, Session, Trouble, ms, mysql, wait};
use crate::actions::connections::{Connections, Line, System, Target};
use crate::actions::params::{clip, optional_text, put, text, unsafe_because};
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

/// Asks a database.
#[derive(Debug)]
pub(in crate::actions) struct Check {
    connections: Connections,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    target: Target,
    /// One of those that stand ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    /// Or one of the runbook's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    timeout_ms: u64,
}

impl Check {
    pub(in crate::actions) fn action(connections: Connections) -> Reading<Self> {
        Reading(Self { connections })
    }

    async fn ask(&self, asked: &Asked, line: &Line) -> Result<Option<Row>, Trouble> {
        let wait = Duration::from_millis(asked.timeout_ms);
        let mut session = Session::open(line, self.connections.extra_ca.as_deref()).await?;
        let question = asked.probe.as_deref().and_then(Question::find);
        let system = asked.target.system;
        let asking = async {
            match (question, &mut session) {
                (Some(Question::Replication), Session::Mysql(db)) => {
                    mysql::replica_status(db, wait).await
                }
                (question, session) => {
                    let ready = question.and_then(|question| question.query(system));
                    let none = || Asking::Ours(told("trouble.one_of", &["query", "probe"]));
                    let query = ready.or(asked.query.as_deref()).ok_or_else(none)?;
                    session.ask(query, wait).await
                }
            }
        };
        let answer = match timeout(wait.saturating_add(GRACE), Box::pin(asking)).await {
            Ok(answer) => answer.map_err(|asking| Trouble::of_asking(asking, line)),
            Err(_) => Err(Trouble::slow(wait)),
        };
        session.close().await;
        answer
    }
}

impl Asked {
    /// What an answer says.
    fn facts(&self, row: Option<Row>) -> Map<String, Value> {
        let question = self.probe.as_deref().and_then(Question::find);
        let mut facts = Map::new();
        put(&mut facts, "reachable", Some(true));
        put(&mut facts, "source", Some(self.source()));
        put(&mut facts, "unit", question.and_then(Question::unit));
        let Some(Row { columns, at }) = row else { return facts };
        put(&mut facts, "at", Some(at));
        let of = |name: &str| columns.get(name).filter(|value| !value.is_null()).cloned();
        let one = || columns.values().next().filter(|_| columns.len() == 1).cloned();
        let value = of("value").or_else(|| of("lag_s")).or_else(one);
        let value = value.filter(|value| !value.is_null());
        match question {
            Some(Question::Writable) => {
                // MySQL has no yes and no, but 1 and 0.
                let is_writable = value.and_then(|value| {
                    value.as_bool().or_else(|| value.as_u64().map(|number| number == 1))
                });
                put(&mut facts, "value", is_writable);
                put(&mut facts, "writable", is_writable);
            }
            Some(Question::Replication) if self.target.system == System::Mysql => {
                put(&mut facts, "role", Some("replica"));
                // A replica that has stopped does not know how far behind it is.
                let runs = ["receives", "applies"].iter().all(|one| of(one) == Some("Yes".into()));
                let lag = value.filter(|_| runs);
                put(&mut facts, "value", lag.clone());
                put(&mut facts, "lag_s", lag);
            }
            Some(question) => {
                let is_lag = question.unit() == Some("s");
                put(&mut facts, "lag_s", value.clone().filter(|_| is_lag));
                put(&mut facts, "value", value);
            }
            None => put(&mut facts, "value", value),
        }
        put(&mut facts, "role", question.and_then(|_| of("role")));
        put(&mut facts, "row", Some(Value::Object(columns)));
        facts
    }

    fn source(&self) -> String {
        let question = self.probe.as_deref().and_then(Question::find);
        let source = question.map_or("query", |question| question.source(self.target.system));
        format!("{source} at {}:{}", self.target.host, self.target.port)
    }
}

#[async_trait]
impl Look for Check {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let line = self.connections.find(text(call, "connection")?, &SYSTEMS).await?;
        let (probe, query) = (optional_text(call, "probe"), optional_text(call, "query"));
        match (probe, query) {
            (Some(name), None) => {
                let question = Question::find(name);
                let has = |question: Question| {
                    question == Question::Replication
                        || question.query(line.target.system).is_some()
                };
                if !question.is_some_and(has) {
                    return Err(unsafe_because(told("trouble.no_probe", &[name])));
                }
            }
            (None, Some(query)) if reads(query) => {}
            (None, Some(_)) => return Err(unsafe_because(told("trouble.no_select", &[]))),
            (Some(_), Some(_)) | (None, None) => {
                return Err(unsafe_because(told("trouble.one_of", &["query", "probe"])));
            }
        }
        Ok(Asked {
            target: line.target,
            probe: probe.map(Into::into),
            query: query.map(|query| without_end(query).to_owned()),
            timeout_ms: ms(wait(call)?),
        })
    }

    fn line(asked: &Asked) -> String {
        let what = asked.probe.as_deref().or(asked.query.as_deref()).unwrap_or_default();
        format!("{}: {}", asked.target, clip(what))
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        let line = self.connections.again(&asked.target).await?;
        let unreachable = |why: String| {
            let facts = Map::from_iter([("reachable".to_owned(), false.into())]);
            Ok(Seen { facts, saw: told("told.no_answer", &[&why]) })
        };
        match self.ask(asked, &line).await {
            Ok(row) => {
                let facts = asked.facts(row);
                let value = match (facts.get("value"), facts.get("unit").and_then(Value::as_str)) {
                    (None, _) => "told.unknown".to_owned(),
                    (Some(Value::String(text)), None) => text.clone(),
                    (Some(value), unit) => format!("{value} {}", unit.unwrap_or_default()),
                };
                let saw = told("told.sql", &[clip(&value).trim(), &asked.source()]);
                Ok(Seen { facts, saw })
            }
            Err(Trouble::NotConnected(why) | Trouble::Unclear(why)) => unreachable(why),
            Err(Trouble::Refused(detail)) => {
                Err(LookError::Refused { system: asked.target.to_string(), detail })
            }
        }
    }
}

/// Whether this can only be a question. The transaction refuses writes besides; neither stops a function that does
/// more, which the rights of the user must.
fn reads(query: &str) -> bool {
    let first = query.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next();
    let first = first.unwrap_or_default().to_ascii_lowercase();
    ["select", "with", "table", "values"].contains(&first.as_str())
}

/// Without the `;` at the end, so that it can stand in brackets.
fn without_end(query: &str) -> &str {
    query.trim().trim_end_matches(';').trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_question_is_asked() {
        for query in ["select 1", " With a as (select 1) table a", "TABLE x;", "values(1)"] {
            assert!(reads(query), "{query}");
        }
        for query in ["", "set global read_only = 0", "shutdown", "selec", "/* x */ drop table a"] {
            assert!(!reads(query), "{query}");
        }
        assert_eq!(without_end(" select 1 ; "), "select 1");
    }
}
