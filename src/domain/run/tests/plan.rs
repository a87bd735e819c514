//! What is looked at first after a crash: every attempt that is open, and nothing else.

use super::sample::{World, id};
use crate::domain::run::plan::{OpenAttempt, Stage, plan};
use crate::domain::run::protocol::{Effect, Returned};
use crate::domain::run::state::Happened;

fn only(world: &World) -> Option<Stage> {
    match &plan(&world.run)[..] {
        [] => None,
        [OpenAttempt { step, attempt: 1, stage }] if *step == id("promote") => Some(*stage),
        more => panic!("{more:?}"),
    }
}

#[test]
fn an_attempt_is_open_from_its_start_until_something_is_known() {
    let mut world = World::ready("promote");
    assert_eq!(only(&world), None);
    world.agreed("promote");
    assert_eq!(only(&world), None, "approved is not begun: it may begin, or not");
    world.begin("promote").unwrap();
    assert_eq!(only(&world), Some(Stage::Calling));
    let mut taken = world.clone();
    taken.accepted("promote");
    assert_eq!(only(&taken), Some(Stage::Proving));
    taken.proved("promote");
    assert_eq!(only(&taken), None);
    let mut failed = world.clone();
    failed.fails("promote");
    assert_eq!(only(&failed), None);
    world.returned("promote", Returned::Interrupted);
    assert_eq!(only(&world), Some(Stage::Unseen));
    for (happened, after) in [
        (Happened::Never, None),
        (Happened::Running, None),
        (Happened::Unknown, None),
        (Happened::Done, Some(Stage::Proving)),
    ] {
        let mut world = world.clone();
        world.probed("promote", happened);
        assert_eq!(only(&world), after, "{happened:?}");
    }
}

#[test]
fn an_open_attempt_is_found_under_the_effect_the_outbox_holds_it_by() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    let act = world.effects.iter().find(|effect| matches!(effect, Effect::Act { .. })).cloned();
    world.begin("promote").unwrap();
    assert_eq!(plan(&world.run).first().map(OpenAttempt::effect), act);
    let mut taken = world.clone();
    taken.accepted("promote");
    assert!(taken.effects.contains(&plan(&taken.run)[0].effect()), "{:?}", taken.effects);
    world.unknown("promote");
    assert!(world.effects.contains(&plan(&world.run)[0].effect()), "{:?}", world.effects);
}
