//! `sql.canary`: one row, and another connection that finds it: the proof that a database takes writes.
//!
//! The row's key is the same for one preview: a second call finds it there and changes nothing. The way back removes it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::questions::Question;
use super::{GRACE, SYSTEMS, Session, Trouble, ms, mysql, postgres, wait};
use crate::actions::connections::{Connections, Line, Target};
use crate::actions::params::{failed, json_of, put, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;

const TABLE: &str = "dr_buddy_canary";

/// Writes once, and reads it back.
#[derive(Debug)]
pub(in crate::actions) struct Canary {
    connections: Connections,
}

/// What is done with the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Insert,
    Delete,
}

/// Exactly what is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    target: Target,
    verb: Verb,
    token: String,
    run: String,
    step: String,
    timeout_ms: u64,
}

/// What is seen of the row and of the server; what cannot be read is not there.
#[derive(Debug, Default)]
struct Look {
    reachable: bool,
    writable: Option<bool>,
    row: Option<bool>,
    trouble: Option<String>,
}

impl Write {
    async fn of(connections: &Connections, call: &Call<'_>) -> Result<Self, LookError> {
        let back = match (call.direction, call.done) {
            (Direction::Do, _) => None,
            (Direction::Undo, Some(done)) => Some(request::<Self>(&done.request)?),
            (Direction::Undo, None) => {
                return Err(unsafe_because(told("trouble.no_return", &[TABLE])));
            }
        };
        if let Some(done) = back {
            // Where it was written, whatever the runbook says by now.
            return Ok(Self { verb: Verb::Delete, ..done });
        }
        let line = connections.find(text(call, "connection")?, &SYSTEMS).await?;
        Ok(Self {
            target: line.target,
            verb: Verb::Insert,
            token: call.token.to_string(),
            run: call.run.to_string(),
            step: call.step.to_string(),
            timeout_ms: ms(wait(call)?),
        })
    }

    fn change(&self) -> Change {
        let row = told("told.row", &[&self.token]);
        let none = told("told.nothing", &[]);
        let (now, after) = match self.verb {
            Verb::Insert => (none, row),
            Verb::Delete => (row, none),
        };
        Change { what: format!("{TABLE}, {}", self.target.connection), now, after }
    }

    fn line(&self) -> String {
        let words = match self.verb {
            Verb::Insert => "insert into",
            Verb::Delete => "delete from",
        };
        format!("{words} {TABLE} at {}", self.target)
    }

    fn evidence(&self, rows: Option<u64>) -> Value {
        json!({"service": "sql", "target": self.target, "verb": self.verb, "token": self.token, "rows": rows})
    }
}

impl Canary {
    pub(in crate::actions) fn new(connections: Connections) -> Self {
        Self { connections }
    }

    async fn session(&self, line: &Line) -> Result<Session, Trouble> {
        Session::open(line, self.connections.extra_ca.as_deref()).await
    }

    /// By a connection of its own.
    async fn look(&self, write: &Write, line: &Line) -> Result<Look, Trouble> {
        let wait = Duration::from_millis(write.timeout_ms);
        let mut session = self.session(line).await?;
        let looking = async {
            let query = Question::Writable.query(write.target.system).unwrap_or_default();
            let asked = session.ask(query, wait).await;
            let asked = asked.map_err(|asking| Trouble::of_asking(asking, line))?;
            let value = asked.as_ref().and_then(|row| row.columns.get("value"));
            let writable = value.and_then(|value| {
                value.as_bool().or_else(|| value.as_u64().map(|number| number == 1))
            });
            let row = match &mut session {
                Session::Postgres(db) => postgres::has(db, &write.token).await,
                Session::Mysql(db) => mysql::has(db, &write.token).await,
            };
            let row = Some(row.map_err(|error| Trouble::of(&error, line))?);
            Ok(Look { reachable: true, writable, row, trouble: None })
        };
        let seen = timeout(wait.saturating_add(GRACE), Box::pin(looking)).await;
        let seen = seen.unwrap_or_else(|_| Err(Trouble::slow(wait)));
        session.close().await;
        seen
    }

    /// What is there, as far as it can be seen.
    async fn seen(&self, write: &Write) -> Result<Look, LookError> {
        let line = self.connections.again(&write.target).await?;
        match self.look(write, &line).await {
            Ok(look) => Ok(look),
            Err(Trouble::NotConnected(why) | Trouble::Unclear(why)) => {
                Ok(Look { trouble: Some(why), ..Look::default() })
            }
            Err(Trouble::Refused(detail)) => {
                Err(LookError::Refused { system: write.target.to_string(), detail })
            }
        }
    }

    async fn write(&self, write: &Write, line: &Line) -> Result<u64, Trouble> {
        let wait = Duration::from_millis(write.timeout_ms);
        let mut session = self.session(line).await?;
        let row = (write.token.as_str(), write.run.as_str(), write.step.as_str());
        let writing = async {
            match (write.verb, &mut session) {
                (Verb::Insert, Session::Postgres(db)) => postgres::insert(db, row, wait).await,
                (Verb::Insert, Session::Mysql(db)) => mysql::insert(db, row, wait).await,
                (Verb::Delete, Session::Postgres(db)) => postgres::delete(db, row.0, wait).await,
                (Verb::Delete, Session::Mysql(db)) => mysql::delete(db, row.0, wait).await,
            }
        };
        let rows = match timeout(wait.saturating_add(GRACE), Box::pin(writing)).await {
            Ok(rows) => rows.map_err(|error| Trouble::of(&error, line)),
            Err(_) => Err(Trouble::slow(wait)),
        };
        session.close().await;
        rows
    }
}

impl Look {
    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "reachable", Some(self.reachable));
        put(&mut facts, "writable", self.writable);
        put(&mut facts, "row_present", self.row);
        facts
    }

    fn saw(&self, write: &Write) -> String {
        match (self.row, &self.trouble) {
            (Some(true), _) => told("told.row", &[&write.token]),
            (Some(false), _) => told("told.nothing", &[]),
            (None, trouble) => told("told.no_answer", &[trouble.as_deref().unwrap_or_default()]),
        }
    }
}

#[async_trait]
impl Action for Canary {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let write = Write::of(&self.connections, call).await?;
        let look = self.seen(&write).await?;
        let remark = match write.verb {
            Verb::Insert => {
                vec![Remark::new("remark.sql.canary", &[("name", &write.target.connection)])]
            }
            Verb::Delete => vec![],
        };
        Ok(Preview {
            request: json_of(&write),
            binding: Map::new(),
            facts: look.facts(),
            changes: vec![write.change()],
            calls: vec![write.line()],
            remarks: remark,
        })
    }

    async fn probe(&self, _call: &Call<'_>, value: &Value) -> Probe {
        let looked = async {
            let write: Write = request(value)?;
            let look = self.seen(&write).await?;
            Ok((write, look))
        };
        let (write, look) = match looked.await {
            Ok(both) => both,
            Err(error) => return Probe::blind(&error),
        };
        let happened = match look.row {
            Some(is_there) if is_there == (write.verb == Verb::Insert) => Happened::Done,
            // The server ends what is late by itself, well before anybody looks again.
            Some(_) => Happened::Never,
            None => Happened::Unknown,
        };
        Probe { happened, facts: look.facts(), saw: look.saw(&write) }
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let found = async {
            let write: Write = request(approved.request())?;
            let line = self.connections.again(&write.target).await?;
            Ok((write, line))
        };
        let (write, line) = match found.await {
            Ok(both) => both,
            Err(error) => return failed(error),
        };
        let system = write.target.to_string();
        match self.write(&write, &line).await {
            Ok(rows) => Outcome::Accepted { evidence: write.evidence(Some(rows)) },
            Err(Trouble::NotConnected(detail)) => failed(LookError::Unreachable { system, detail }),
            Err(Trouble::Refused(detail)) => failed(LookError::Refused { system, detail }),
            Err(Trouble::Unclear(error)) => {
                Outcome::Unknown { error, evidence: write.evidence(None) }
            }
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
