//! `exec.check` and `exec`: a program of the allow list, with exactly the arguments that were shown.
//!
//! What a program does cannot be seen from here. So `exec` is grave, has no way back, and when nobody saw it end, its
//! outcome stays unknown: only people can tell. `exec.check` runs the same way, but the runbook's author vouches that the
//! program only reads. Neither runs anything while a preview is made or a step is looked at: what the probe reports is
//! what the call itself recorded.

mod child;
mod deny;
mod programs;
mod redact;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::params::{
    clip, failed, json_of, optional_text, put, request, text, texts, unsafe_because,
};
use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::domain::time::Span;
use crate::faults::place;
use child::{Ended, Job, KEPT};
pub use programs::{ExecSettings, Program};

/// How long a program may take unless told.
const USUAL: Span = Span::seconds(30);
/// Longest it may take: well inside the time a call has before its outcome counts as unknown.
const LONGEST: Span = Span::seconds(50);
/// Arguments at most, and bytes of all of them.
const MOST: (usize, usize) = (64, 8 * 1024);

/// Runs a program.
#[derive(Debug)]
pub(super) struct Exec {
    settings: ExecSettings,
    /// The runbook's author vouches that it only reads.
    reads: bool,
}

/// Exactly what is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    operation: String,
    program: String,
    path: PathBuf,
    args: Vec<String>,
    /// Names of variables it is given; never their values.
    variables: Vec<String>,
    timeout_ms: u64,
}

impl Exec {
    /// `exec.check`.
    pub(super) fn check(settings: ExecSettings) -> Self {
        Self { settings, reads: true }
    }

    /// `exec`.
    pub(super) fn act(settings: ExecSettings) -> Self {
        Self { settings, reads: false }
    }

    fn operation(&self) -> &'static str {
        if self.reads { "exec.check" } else { "exec" }
    }

    fn asked(&self, call: &Call<'_>) -> Result<Request, LookError> {
        if call.direction == Direction::Undo {
            return Err(unsafe_because("what a program did has no way back from here"));
        }
        let name = text(call, "program")?;
        let program = self.program(name)?;
        let args = if call.with.contains_key("args") { texts(call, "args")? } else { vec![] };
        let args: Vec<String> = args.into_iter().map(ToOwned::to_owned).collect();
        let (count, bytes) = (args.len(), args.iter().map(String::len).sum::<usize>());
        if count > MOST.0 || bytes > MOST.1 || args.iter().any(|arg| arg.contains('\0')) {
            return Err(unsafe_because("the arguments are too many, too long, or no text"));
        }
        let timeout = match optional_text(call, "timeout") {
            Some(timeout) => {
                Span::parse(timeout).map_err(|error| unsafe_because(error.to_string()))?
            }
            None => USUAL,
        };
        if timeout > LONGEST {
            let args = [timeout.to_string(), LONGEST.to_string()];
            return Err(unsafe_because(told(
                "trouble.program_time",
                &args.each_ref().map(String::as_str),
            )));
        }
        let asked = Request {
            service: "exec".into(),
            operation: self.operation().into(),
            program: name.to_owned(),
            path: program.path.clone(),
            args,
            variables: program.variables.keys().cloned().collect(),
            timeout_ms: timeout.ms(),
        };
        asked.may_run()?;
        Ok(asked)
    }

    fn program(&self, name: &str) -> Result<&Program, LookError> {
        self.settings.programs.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.settings.programs.keys().map(String::as_str).collect();
            unsafe_because(told("trouble.program_unknown", &[name, &known.join(", ")]))
        })
    }

    /// What the call of this very attempt recorded.
    fn recorded<'a>(&self, call: &Call<'a>) -> Option<&'a Value> {
        call.past.iter().rfind(|evidence| {
            let text = |name: &str| evidence.get(name).and_then(Value::as_str);
            text("operation") == Some(self.operation())
                && text("step") == Some(call.step.as_str())
                && evidence.get("attempt").and_then(Value::as_u64) == Some(call.attempt.into())
        })
    }
}

impl Request {
    /// Everything that no approval overrides.
    fn may_run(&self) -> Result<(), LookError> {
        let shown = self.path.display().to_string();
        let real = self.path.canonicalize().map_err(|_| {
            unsafe_because(told("trouble.program_missing", &[&self.program, &shown]))
        })?;
        let denied = deny::denied(&[&self.path, &real], &self.args);
        let runner = [self.path.as_path(), &real].into_iter().find(|path| deny::is_runner(path));
        let denied = denied.or_else(|| runner.map(|path| path.display().to_string()));
        match denied {
            Some(words) => Err(unsafe_because(told("trouble.program_denied", &[&words]))),
            None => Ok(()),
        }
    }

    /// The program and each argument, so that one can see where an argument ends.
    fn line(&self) -> String {
        let word = |word: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@%+,".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.to_owned()
            } else {
                json!(word).to_string()
            }
        };
        let path = self.path.display().to_string();
        let words = std::iter::once(path.as_str()).chain(self.args.iter().map(String::as_str));
        words.map(word).collect::<Vec<_>>().join(" ")
    }
}

fn evidence(call: &Call<'_>, asked: &Request, ended: &Ended, seconds: f64) -> Value {
    use std::os::unix::process::ExitStatusExt;
    let exit = ended.status.and_then(|status| status.code());
    let signal = ended.status.and_then(|status| status.signal());
    let said = |said: &child::Said| json!({"end": said.text, "bytes": said.bytes});
    json!({
        "service": "exec", "operation": asked.operation, "step": call.step, "attempt": call.attempt,
        "program": asked.program, "line": asked.line(), "exit_code": exit, "signal": signal,
        "timed_out": ended.status.is_none(), "seconds": seconds,
        "stdout": said(&ended.stdout), "stderr": said(&ended.stderr),
    })
}

fn facts(evidence: &Value) -> Map<String, Value> {
    let known = |name: &str| evidence.get(name).filter(|value| !value.is_null()).cloned();
    let mut facts = Map::new();
    for name in ["exit_code", "timed_out", "seconds"] {
        put(&mut facts, name, known(name));
    }
    let output = evidence.pointer("/stdout/end").and_then(Value::as_str).unwrap_or_default();
    let last = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
    put(&mut facts, "last_line", last.map(clip));
    facts
}

fn saw(evidence: &Value) -> String {
    let part = |name: &str| evidence.get(name).map(ToString::to_string).unwrap_or_default();
    let program = evidence.get("program").and_then(Value::as_str).unwrap_or_default();
    match evidence.get("exit_code").and_then(Value::as_i64) {
        Some(code) => told("told.exited", &[program, &code.to_string(), &part("seconds")]),
        None => told("told.stopped", &[program, &part("seconds")]),
    }
}

#[async_trait]
impl Action for Exec {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let asked = self.asked(call)?;
        let seconds = Duration::from_millis(asked.timeout_ms).as_secs().to_string();
        let kept = (KEPT / 1024).to_string();
        let mut remarks =
            vec![Remark::new("remark.exec.limits", &[("seconds", &seconds), ("kept", &kept)])];
        if !asked.variables.is_empty() {
            let names = asked.variables.join(", ");
            remarks.push(Remark::new("remark.exec.variables", &[("names", &names)]));
        }
        remarks.push(Remark::new(
            if self.reads { "remark.exec.vouched" } else { "remark.exec.unseen" },
            &[],
        ));
        Ok(Preview {
            request: json_of(&asked),
            binding: Map::new(),
            facts: Map::new(),
            changes: vec![],
            calls: vec![asked.line()],
            remarks,
        })
    }

    async fn probe(&self, call: &Call<'_>, _request: &Value) -> Probe {
        let Some(evidence) = self.recorded(call) else {
            let saw = told("told.no_outcome", &[]);
            // What only reads can be run again; of anything else nobody knows whether it ran.
            let happened = if self.reads { Happened::Never } else { Happened::Unknown };
            return Probe { happened, facts: Map::new(), saw };
        };
        let is_over = self.reads || evidence.get("exit_code").is_some_and(|code| !code.is_null());
        let happened = if is_over { Happened::Done } else { Happened::Unknown };
        Probe { happened, facts: facts(evidence), saw: saw(evidence) }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let ready = request::<Request>(approved.request()).and_then(|asked| {
            let program = self.program(&asked.program)?;
            let names: Vec<&String> = program.variables.keys().collect();
            let is_listed = asked.operation == self.operation()
                && program.path == asked.path
                && asked.variables.iter().collect::<Vec<_>>() == names;
            if !is_listed {
                return Err(unsafe_because("the list of programs has changed since it was shown"));
            }
            asked.may_run()?;
            Ok((asked, program))
        });
        let (asked, program) = match ready {
            Ok(ready) => ready,
            Err(error) => return failed(error),
        };
        let started = tokio::time::Instant::now();
        let limit = Duration::from_millis(asked.timeout_ms);
        let (path, variables) = (Path::new(&asked.path), &program.variables);
        place(format_args!("before {} runs", asked.program));
        let job = Job { path, argv: &asked.args, variables, limit };
        let ended = child::run(&job).await;
        place(format_args!("after {} ran", asked.program));
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let detail = clip(&format!("it could not be run: {error}"));
                return failed(LookError::Refused { system: asked.program, detail });
            }
        };
        let seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        let evidence = evidence(call, &asked, &ended, seconds);
        let has_ended = ended.status.is_some_and(|status| status.code().is_some());
        if has_ended || self.reads {
            Outcome::Accepted { evidence }
        } else {
            Outcome::Unknown { error: saw(&evidence), evidence }
        }
    }

    /// What the program needs is its own affair, and its administrator's.
    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}
