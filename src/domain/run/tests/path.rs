//! The chain of steps that decides when the service is back: foretold by the forecast, found in the record.

use proptest::prelude::*;

use super::sample::{World, environment, id};
use crate::domain::action::Known;
use crate::domain::ids::StepId;
use crate::domain::report::critical_path::{Leg, critical_path};
use crate::domain::report::forecast::{Forecast, critical_steps, forecast};
use crate::domain::report::measures::measure;
use crate::domain::run::protocol::Request;
use crate::domain::run::state::StepState;
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check;
use crate::domain::time::{Span, Timestamp};

/// A step of a random runbook: how long it takes, whether people do it, and which of those before it are needed.
#[derive(Debug, Clone)]
struct Plan {
    ms: u64,
    human: bool,
    needs: Vec<bool>,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let one = (1000..900_000_u64, any::<bool>(), prop::collection::vec(any::<bool>(), 8));
    let one = one.prop_map(|(ms, human, needs)| Plan { ms, human, needs });
    prop::collection::vec(one, 1..8)
}

fn needs(plans: &[Plan], of: usize) -> Vec<usize> {
    let wanted = |before: &usize| plans[of].needs[*before];
    (0..of).filter(wanted).collect()
}

fn runbook(plans: &[Plan]) -> Runbook {
    let last = plans.len() - 1;
    let mut text = format!(
        "id: random\ntitle: {{en: R, fr: R}}\nphases: [{{id: p, title: {{en: P, fr: P}}}}]\nrestored_by: s{last}\nsteps:\n"
    );
    for (n, plan) in plans.iter().enumerate() {
        let action = if plan.human {
            "action: {human.task: {}}, gate: confirm"
        } else {
            "action: {http.check: {url: \"https://a.example/\"}}, verify: {expect: \"facts.status == 200\", timeout: 1h}"
        };
        let needs: Vec<String> = needs(plans, n).iter().map(|need| format!("s{need}")).collect();
        text.push_str(&format!(
            "  - {{id: s{n}, title: {{en: S, fr: S}}, phase: p, owner: platform, typical: {}ms, worst: 1h, needs: [{}], {action}}}\n",
            plan.ms, needs.join(", ")
        ));
    }
    check("random.yaml", &text, &Known::default(), &[environment(None)]).unwrap()
}

/// Whatever has opened is begun at once, and ends after its typical time; gives when the next one ends.
fn next_end(world: &mut World, ends: &mut Vec<(Timestamp, StepId)>) -> Option<(Timestamp, StepId)> {
    for step in world.run.runbook.steps.clone() {
        if *world.state(step.id.as_str()) == StepState::Previewing {
            world.previewed(step.id.as_str());
            if matches!(world.state(step.id.as_str()), StepState::Approved { .. }) {
                world.begin(step.id.as_str()).unwrap();
                world.accepted(step.id.as_str());
            }
            ends.push((world.now.plus(step.typical), step.id));
        }
    }
    ends.sort();
    (!ends.is_empty()).then(|| ends.remove(0))
}

fn names(legs: &[Leg]) -> Vec<StepId> {
    legs.iter().map(|leg| leg.step.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn where_every_step_takes_its_typical_time_the_forecast_is_what_happens(plans in plans()) {
        let mut world = World::of(runbook(&plans), environment(None));
        // Worked out apart: each step ends its time after the last of those it needs.
        let mut end: Vec<u64> = Vec::new();
        for (n, plan) in plans.iter().enumerate() {
            let begin = needs(&plans, n).iter().map(|need| end[*need]).max().unwrap_or(0);
            end.push(begin + plan.ms);
        }
        let back = Span(300_000 + end.last().unwrap());
        let mut ends = Vec::new();
        let mut foretold = None;
        while world.run.restored_at.is_none() {
            let (at, step) = next_end(&mut world, &mut ends).unwrap();
            for part in [0, 3, 7] {
                let then = Timestamp(world.now.0 + (at.0 - world.now.0) * part / 7);
                prop_assert_eq!(forecast(&world.run, then), Some(Forecast::Back(back)));
            }
            foretold.get_or_insert_with(|| critical_steps(&world.run, world.now));
            world.now = at;
            world.do_step(step.as_str());
        }
        let measured = measure(&world.record, world.now).unwrap();
        prop_assert_eq!(measured.rto, Some(back));
        let legs = critical_path(&world.record).unwrap();
        let foretold: Vec<_> = foretold.unwrap().into_iter().map(|ahead| (ahead.step, ahead.takes)).collect();
        let found: Vec<_> = legs.iter().map(|leg| (leg.step.clone(), leg.took())).collect();
        prop_assert_eq!(found, foretold);
        let sum: u64 = legs.iter().map(|leg| leg.took().ms()).sum();
        prop_assert_eq!(sum + 300_000, back.ms());
        for leg in &legs {
            prop_assert_eq!(leg.waited.ms() + leg.worked.ms(), leg.took().ms());
            let human = plans[leg.step.as_str()[1..].parse::<usize>().unwrap()].human;
            prop_assert_eq!(leg.waited.ms() > 0, human);
        }
    }
}

#[test]
fn the_chain_goes_through_the_fallback_and_what_failed_before_it_and_tells_people_from_machines() {
    let mut world = World::new();
    for step in ["look", "fence"] {
        world.wait(Span::seconds(5));
        world.do_step(step);
    }
    world.previewed("decide");
    world.wait(Span::seconds(40));
    world.agreed("decide");
    world.previewed("promote");
    world.wait(Span::seconds(20));
    world.agreed("promote");
    world.begin("promote").unwrap();
    world.accepted("promote");
    world.wait(Span::seconds(100));
    world.proved("promote");
    world.do_step("cache");
    world.do_until_called("secret");
    world.wait(Span::seconds(7));
    world.fails("secret");
    world.previewed("by-hand");
    world.wait(Span::seconds(60));
    world.agreed("by-hand");
    world.do_step("pin");
    world.wait(Span::seconds(3));
    world.do_step("live");
    let legs = critical_path(&world.record).unwrap();
    // The fence was over before the decision; the pin took no time.
    assert_eq!(names(&legs), ["look", "decide", "promote", "secret", "by-hand", "live"].map(id));
    let seconds: Vec<_> =
        legs.iter().map(|leg| (leg.waited.ms() / 1000, leg.worked.ms() / 1000)).collect();
    assert_eq!(seconds, [(0, 5), (40, 5), (20, 100), (0, 7), (60, 0), (0, 3)]);
    let sum: u64 = legs.iter().map(|leg| leg.took().ms()).sum();
    assert_eq!(measure(&world.record, world.now).unwrap().rto, Some(Span(300_000 + sum)));
}

#[test]
fn there_is_no_chain_before_the_service_is_back_and_none_ahead_after_it() {
    let mut world = World::ready("pin");
    assert_eq!(critical_path(&world.record), None);
    let ahead: Vec<_> =
        critical_steps(&world.run, world.now).into_iter().map(|one| one.step).collect();
    assert_eq!(ahead, ["pin", "live"].map(id));
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    assert_eq!(critical_steps(&world.run, world.now), []);
    world.ask("antoine", &Request::Resume).unwrap();
    world.do_step("pin");
    world.do_step("live");
    assert_eq!(critical_steps(&world.run, world.now), []);
}
