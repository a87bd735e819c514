//! Every check sees the one fault it is for, says what to do about it, and only ever reads.

use std::collections::{BTreeMap, BTreeSet};

use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::readiness::{self, Finding, Light, Seen};
use dr_buddy::domain::run::preview::Remark;
use dr_buddy::domain::value::Language;
use serde_json::Value;

use super::faults::{WORDS, Words};
use super::turns::{FAULTS, FILES, Turn};
use super::world::{World, now};
use crate::harness::{At, judge_aws};

use Light::{Amber, Red, Unknown};

/// What is not known while the API server of the DR region takes calls and never answers.
const SILENT: [(&str, Light); 7] = [
    ("argocd", Unknown),
    ("external_secrets", Unknown),
    ("images", Unknown),
    ("images_stored", Unknown),
    ("kube_dr", Unknown),
    ("kube_kinds", Unknown),
    ("workloads", Unknown),
];

/// What is not green, by its check: the worst of it.
fn dark(findings: &[Finding]) -> BTreeMap<&str, Light> {
    let mut dark = BTreeMap::new();
    for one in findings.iter().filter(|one| one.light() != Light::Green) {
        let light = dark.entry(one.check.as_str()).or_insert(one.light());
        *light = (*light).max(one.light());
    }
    dark
}

/// What is said of it in both languages, whole.
fn must_be_said(catalog: &Catalog, finding: &Finding) {
    for language in Language::ALL {
        // Where all is well, nobody is told what to do.
        let remedy = (finding.light() != Light::Green).then_some(&finding.remedy);
        for remark in [Some(&finding.saw), remedy].into_iter().flatten() {
            let wanted = catalog.texts.placeholders(language, &remark.key);
            let missing: Vec<_> =
                wanted.into_iter().filter(|name| !remark.args.contains_key(name)).collect();
            assert!(missing.is_empty(), "{}: {missing:?} in {:?}", remark.key, remark.args);
            let said = said(catalog, language, remark);
            assert_ne!(said, remark.key, "{}: it cannot be said", language.code());
        }
    }
}

fn said(catalog: &Catalog, language: Language, remark: &Remark) -> String {
    let args = remark.args.iter().map(|(name, value)| (name.clone(), value.clone()));
    catalog.texts.render(language, &remark.key, args.collect())
}

/// A fault of whatever kind.
struct Seeded {
    what: &'static str,
    how: How,
    expected: &'static [(&'static str, Light)],
    words: Words,
}

enum How {
    Turned(Turn),
    Worded(At, &'static str, &'static str),
    Filed(fn(&mut Value)),
}

/// Every fault there is.
fn seeded() -> Vec<Seeded> {
    let faults = FAULTS.into_iter().map(|(what, turn, expected, words)| Seeded {
        what,
        how: How::Turned(turn),
        expected,
        words,
    });
    let words = WORDS.iter().map(|(what, at, from, to, expected, words)| Seeded {
        what,
        how: How::Worded(*at, from, to),
        expected,
        words: *words,
    });
    let files = FILES.into_iter().map(|(what, change, expected, words)| Seeded {
        what,
        how: How::Filed(change),
        expected,
        words,
    });
    faults.chain(words).chain(files).collect()
}

/// What is looked at together: no two of one group are of the same system, so that none hides behind another.
fn together(all: Vec<Seeded>) -> Vec<Vec<Seeded>> {
    let systems = |one: &Seeded| -> BTreeSet<&'static str> {
        one.expected.iter().filter_map(|(check, _)| check.split('_').next()).collect()
    };
    let mut groups: Vec<Vec<Seeded>> = vec![];
    for one in all {
        let own = systems(&one);
        let fits =
            |group: &&mut Vec<Seeded>| group.iter().all(|other| own.is_disjoint(&systems(other)));
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// What was not found as it should have been.
struct Judge {
    catalog: Catalog,
    wrong: Vec<String>,
}

impl Judge {
    /// Exactly this is not green.
    fn lights(&mut self, what: &str, findings: &[Finding], expected: &[(&str, Light)]) {
        let expected: BTreeMap<_, _> = expected.iter().copied().collect();
        findings.iter().for_each(|one| must_be_said(&self.catalog, one));
        if dark(findings) != expected {
            let told: Vec<_> = findings.iter().filter(|one| one.light() != Light::Green).collect();
            self.wrong.push(format!("{what}: expected {expected:?}, found {told:#?}"));
        }
    }

    /// It is this fault that was seen, and this one that the remedy is for.
    fn words(&mut self, seeded: &Seeded, findings: &[Finding]) {
        let (check, light) = seeded.expected[0];
        let of = |remark: &Remark| said(&self.catalog, Language::En, remark);
        let all = findings.iter().filter(|one| one.check == check && one.light() == light);
        let all: Vec<_> = all.map(|one| (of(&one.saw), of(&one.remedy))).collect();
        let [seen, mend] = seeded.words;
        if !all.iter().any(|(saw, remedy)| saw.contains(seen) && remedy.contains(mend)) {
            self.wrong.push(format!("{}: neither {seen} nor {mend} in {all:#?}", seeded.what));
        }
    }
}

#[tokio::test]
async fn each_of_the_seeded_faults_is_found_and_its_remedy_named() {
    let world = World::seed().await;
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let good = world.environment(|_| {});
    let before = world.examine(&good, now()).await;
    // Nothing is green because nobody looked.
    let absent: Vec<_> = before.iter().filter(|one| one.seen == Seen::Absent).collect();
    assert!(absent.is_empty(), "{absent:#?}");
    let checks: BTreeSet<_> = before.iter().map(|one| one.check.as_str()).collect();
    // What steps may do is asked of the steps of runbooks, of which there are none here.
    let of_steps = ["permissions", "cluster_permissions"];
    let rows = readiness::ALL.iter().map(|spec| spec.name);
    assert_eq!(checks, rows.filter(|name| !of_steps.contains(name)).collect());

    let mut judge = Judge { catalog, wrong: vec![] };
    judge.lights("all is well", &before, &[]);
    let copy = world.canned.copy();
    for group in together(seeded()) {
        for one in &group {
            match one.how {
                How::Turned(turn) => turn(&world, true).await,
                How::Worded(at, from, to) => world.canned.edit(at, from, to),
                How::Filed(_) => {}
            }
        }
        let environment = world.environment(|file| {
            for one in &group {
                if let How::Filed(change) = one.how {
                    change(file);
                }
            }
        });
        let findings = world.examine(&environment, now()).await;
        let what: Vec<_> = group.iter().map(|one| one.what).collect();
        let expected: Vec<_> = group.iter().flat_map(|one| one.expected.iter().copied()).collect();
        judge.lights(&what.join(", "), &findings, &expected);
        for one in &group {
            judge.words(one, &findings);
            if let How::Turned(turn) = one.how {
                turn(&world, false).await;
            }
        }
        world.canned.restore(&copy);
    }
    let (at, model) = (["sts", "us-east-1", "GetCallerIdentity", ""], ("sts", "GetCallerIdentity"));
    world.canned.lay(
        at,
        model,
        "<Account>999999999999</Account><Arn>arn:aws:iam::999999999999:user/x</Arn>",
    );
    let both = [("identity", Red), ("excess_permissions", Red)];
    judge.lights("another account", &world.examine(&good, now()).await, &both);
    world.canned.restore(&copy);
    let early = now().minus(dr_buddy::domain::time::Span::seconds(60));
    judge.lights("the clock is slow", &world.examine(&good, early).await, &[("clock", Amber)]);
    *world.front.is_dead.lock().unwrap() = true;
    let begun = tokio::time::Instant::now();
    judge.lights("the DR API server is silent", &world.glance(&good, now()).await, &SILENT);
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    *world.front.is_dead.lock().unwrap() = false;
    judge.lights("in the end", &world.examine(&good, now()).await, &[]);
    assert!(judge.wrong.is_empty(), "{}", judge.wrong.join("\n"));

    judge_aws(&world.stand_in.replies());
    let reads = |call: &String| {
        ["Describe", "List", "Get", "GET ", "Simulate"].iter().any(|verb| call.starts_with(verb))
    };
    let calls = world.calls();
    let writes: Vec<_> = calls.iter().filter(|call| !reads(call)).collect();
    assert!(calls.len() > 500 && writes.is_empty(), "{} calls: {writes:?}", calls.len());
}
