//! `exec` and `exec.check` on real programs: what they get, how they end, and that nothing of them stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_buddy::actions::{ActionSettings, Actions, ExecSettings, Happened, Outcome};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Step, is_accepted, is_failed};
use crate::harness::eventually;

/// A program by the name `tool`, run by Python.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tool.py"), script).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn actions(list: &Value) -> Actions {
        let read = |name: &str| (name == "GIVEN").then(|| "s3cr3t-value".to_owned());
        let exec = ExecSettings::parse(&list.to_string(), &read).expect("a list");
        Actions::new(ActionSettings { exec, ..ActionSettings::default() })
    }

    fn step(&self, name: &str, args: &[&str], timeout: &str) -> Step {
        let list = json!({"tool": {"path": "/usr/bin/python3", "variables": ["GIVEN"]}});
        let script = self.path("tool.py").display().to_string();
        let args: Vec<&str> =
            std::iter::once(script.as_str()).chain(args.iter().copied()).collect();
        let with = json!({"program": "tool", "args": args, "timeout": timeout});
        Step::new(&Self::actions(&list), name, with)
    }
}

fn evidence(outcome: &Outcome) -> &Value {
    match outcome {
        Outcome::Accepted { evidence } | Outcome::Unknown { evidence, .. } => evidence,
        Outcome::Failed { error } => panic!("{error:?}"),
    }
}

fn refused(list: &Value, program: &str, args: &[&str]) -> impl Future<Output = String> {
    let mut with = json!({"program": program});
    if !args.is_empty() {
        with["args"] = json!(args);
    }
    let step = Step::new(&Bench::actions(list), "exec", with);
    async move { step.refusal().await }
}

async fn is_gone(pid: &str) {
    eventually("the process is gone", 5, || async {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Killed, and waiting for its parent to take note, is gone.
        (state.is_empty() || state.contains(") Z ")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_program_gets_exactly_its_arguments_and_nothing_of_ours() {
    let bench = Bench::new(
        "import os, sys, json\n\
         print(json.dumps([sys.argv[1:], sorted(os.environ), os.getcwd(), os.environ['HOME'], os.listdir('.')]))\n\
         print('given', os.environ['GIVEN'], file=sys.stderr)\nsys.exit(3)\n",
    );
    let mut step = bench.step("exec", &["a b", "$(id)", "*"], "10s");
    let preview = step.preview().await;
    let line = &preview.calls[0];
    assert!(
        line.starts_with("/usr/bin/python3 ") && line.ends_with(r#""a b" "$(id)" "*""#),
        "{line}"
    );
    assert!(!preview.request.to_string().contains("s3cr3t"), "{}", preview.request);
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown, "nobody can know");
    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    let found = evidence(&outcome);
    let said: Value = serde_json::from_str(found["stdout"]["end"].as_str().unwrap()).unwrap();
    assert_eq!(said[0], json!(["a b", "$(id)", "*"]));
    let mut names: Vec<&str> =
        said[1].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Python's own.
    names.retain(|name| *name != "LC_CTYPE");
    assert_eq!(names, ["GIVEN", "HOME", "PATH", "TMPDIR"]);
    assert_eq!(said[2], said[3], "it begins in its home");
    assert_eq!(said[4], json!([]), "which is empty");
    assert!(!Path::new(said[2].as_str().unwrap()).exists(), "and gone");
    assert_eq!(found["stderr"]["end"], "given [redacted]\n");
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["exit_code"]), (Happened::Done, &json!(3)));
    assert!(probe.saw.starts_with("told.exited tool | 3 | "), "{}", probe.saw);

    // Another attempt is another outcome, and a crash in the middle leaves none.
    step.past[0]["attempt"] = 2.into();
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    step.past.clear();
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown, "it may have run");
    let mut check = bench.step("exec.check", &[], "10s");
    let preview = check.preview().await;
    assert!(is_accepted(&check.run(&preview).await));
    check.past.clear();
    assert_eq!(check.probe(&preview).await.happened, Happened::Never, "it only reads");
}

/// Forks once; both write down who they are and sleep.
const FORKS: &str = "import os, sys, time\n\
    os.fork()\nopen(f'{sys.argv[1]}/{os.getpid()}', 'w').close()\n\
    print('asleep', flush=True)\ntime.sleep(60 if sys.argv[2] == 'long' or os.getppid() != int(sys.argv[3]) else 0)\n";

async fn pids(folder: &Path) -> Vec<String> {
    eventually("both have begun", 10, || async {
        let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
        let names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        (names.len() == 2).then_some(names)
    })
    .await
}

#[tokio::test]
async fn when_its_time_is_over_all_it_started_is_killed_and_nobody_knows() {
    let bench = Bench::new(FORKS);
    fs::create_dir(bench.path("pids")).unwrap();
    let folder = bench.path("pids").display().to_string();
    for (name, is_check) in [("exec", false), ("exec.check", true)] {
        let mut step = bench.step(name, &[&folder, "long", "0"], "2s");
        let preview = step.preview().await;
        let outcome = step.run(&preview).await;
        assert_eq!(is_accepted(&outcome), is_check, "{outcome:?}");
        assert_eq!(evidence(&outcome)["timed_out"], true);
        assert!(evidence(&outcome)["stdout"]["end"].as_str().unwrap().contains("asleep"));
        let probe = step.probe(&preview).await;
        assert!(!probe.facts.contains_key("exit_code"), "{:?}", probe.facts);
        let wanted = if is_check { Happened::Done } else { Happened::Unknown };
        assert_eq!(probe.happened, wanted);
        for pid in pids(Path::new(&folder)).await {
            is_gone(&pid).await;
            fs::remove_file(bench.path("pids").join(pid)).unwrap();
        }
    }

    // Whoever waits for it goes away: it does not run on.
    let mut step = bench.step("exec", &[&folder, "long", "0"], "30s");
    let preview = step.preview().await;
    let waiting = tokio::time::timeout(Duration::from_secs(2), step.run(&preview)).await;
    assert!(waiting.is_err());
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown, "nothing is recorded");
    for pid in pids(Path::new(&folder)).await {
        is_gone(&pid).await;
    }
}

#[tokio::test]
async fn what_it_leaves_behind_is_killed_and_does_not_hold_the_call_up() {
    let bench = Bench::new(
        "import os, sys, time\npid = os.fork()\n\
         if pid == 0:\n    time.sleep(60)\nprint(pid)\n",
    );
    let mut step = bench.step("exec", &[], "20s");
    let preview = step.preview().await;
    let begun = tokio::time::Instant::now();
    let outcome = step.run(&preview).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "it did not wait for the one left behind");
    assert_eq!(evidence(&outcome)["exit_code"], 0);
    is_gone(evidence(&outcome)["stdout"]["end"].as_str().unwrap().trim()).await;
}

#[tokio::test]
async fn of_too_much_output_the_end_is_kept_without_secrets() {
    let bench = Bench::new(
        "import sys\nfor n in range(200000):\n    print('line', n, 'filler' * 4)\n\
         print('password=hunter22 AKIAIOSFODNN7EXAMPLE')\nprint('all well')\n",
    );
    let mut step = bench.step("exec.check", &[], "30s");
    let preview = step.preview().await;
    let outcome = step.run(&preview).await;
    let found = evidence(&outcome);
    let end = found["stdout"]["end"].as_str().unwrap();
    assert!(end.len() <= 8 * 1024 && end.starts_with("line "), "{}", &end[..40]);
    assert!(found["stdout"]["bytes"].as_u64().unwrap() > 5_000_000);
    assert!(
        end.ends_with("password=[redacted] [redacted]\nall well\n"),
        "{}",
        &end[end.len() - 80..]
    );
    let probe = step.probe(&preview).await;
    assert_eq!(probe.facts["last_line"], "all well");
    assert_eq!((probe.happened, &probe.facts["exit_code"]), (Happened::Done, &json!(0)));
}

#[tokio::test]
async fn nothing_runs_that_is_not_on_the_list_or_destroys() {
    let bench = Bench::new("");
    let list = |path: &Path| json!({"tool": path});
    let python = list(Path::new("/usr/bin/python3"));
    assert_eq!(refused(&python, "sh", &[]).await, "trouble.program_unknown sh | tool");
    assert_eq!(refused(&python, "/bin/sh", &[]).await, "trouble.program_unknown /bin/sh | tool");
    let gone = bench.path("gone");
    assert!(refused(&list(&gone), "tool", &[]).await.starts_with("trouble.program_missing tool"));

    // Another name does not make another program of it.
    let shell = bench.path("innocent");
    std::os::unix::fs::symlink("/bin/sh", &shell).unwrap();
    let said = refused(&list(&shell), "tool", &["-c", "id"]).await;
    assert!(said.starts_with("trouble.program_denied"), "{said}");
    let (terraform, tf) = (bench.path("terraform"), bench.path("tf"));
    fs::write(&terraform, "").unwrap();
    std::os::unix::fs::symlink(&terraform, &tf).unwrap();
    let said = refused(&list(&tf), "tool", &["-chdir=/infra", "apply"]).await;
    assert_eq!(said, "trouble.program_denied terraform apply");
    let said = refused(&python, "tool", &["redis-cli", "FLUSHALL"]).await;
    assert_eq!(said, "trouble.program_denied FLUSHALL");

    let long = bench.step("exec", &[], "10m").refusal().await;
    assert!(long.starts_with("trouble.program_time 10m"), "{long}");

    // What was approved, on a list that has changed since.
    let mut step = bench.step("exec", &[], "5s");
    let preview = step.preview().await;
    let changed = Bench::actions(&json!({"tool": "/usr/bin/python3"}));
    step.action = changed.real("exec").unwrap();
    assert!(is_failed(&step.run(&preview).await), "it would not get its variables");
}
