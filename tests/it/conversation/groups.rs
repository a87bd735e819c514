//! A role from a user group of Slack: its members approve, by both doors; who left is refused with the reason, and what
//! they had approved stays; what cannot be read is said on the card and to whoever asks.

use dr_buddy::domain::run::Event;
use dr_buddy::domain::run::log::Recorded;

use super::people::{ANTOINE, LEO, MIA, STRANGER};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, FakeGroups, eventually};

const STEP: &str = "promote-database";
const GROUP: &str = "S0DB";

async fn stage(door: Door) -> Stage {
    let runbooks = vec![("promotion.yaml", excerpt("promotion", &[STEP]))];
    let groups = Some("[{id: S0DB, team: T01TEST, roles: [db]}]");
    // Read again every second.
    let more = vec![("DR_BUDDY_FAULTS_GROUP", "1000".to_owned())];
    Stage::open(Script { runbooks, groups, more, door, ..Script::default() }).await
}

impl Stage {
    fn groups(&self) -> &FakeGroups {
        self.groups.as_ref().expect("the script has some")
    }

    /// Waits until it is on the record for the so many-th time who is in the group; who that is.
    async fn members(&self, times: usize) -> Vec<String> {
        let seen = |one: &Recorded| {
            let Event::GroupSeen { people, .. } = &one.entry.event else { return None };
            Some(people.clone())
        };
        let mut seen = eventually("the group is read", 60, || async {
            let record = self.record().await?;
            let seen: Vec<_> = record.events.iter().filter_map(seen).collect();
            (seen.len() >= times).then_some(seen)
        })
        .await;
        assert_eq!(seen.len(), times);
        let last = seen.pop().into_iter().flatten();
        last.map(|id| id.to_string()).collect()
    }
}

#[tokio::test]
async fn a_member_approves_and_who_left_does_not() {
    approved(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_as_well() {
    approved(Door::Socket).await;
}

async fn approved(door: Door) {
    let stage = stage(door).await;
    stage.groups().refuse("missing_scope");
    stage.told(ANTOINE, "start promotion", "Démarrer n’a rien modifié").await;
    // It starts all the same, and says what is missing, in the language of the room and in his.
    let run = stage.button("run", STEP).await;
    stage.in_the_room("add `usergroups:read` to the Slack app").await;
    stage.told(LEO, "status", "ajouter `usergroups:read`").await;
    stage.press(LEO, &run).await;
    stage.whispered(LEO, "permission absente").await;

    stage.groups().are(GROUP, &[LEO, STRANGER]);
    assert_eq!(stage.members(1).await, ["leo"]);
    stage.in_the_room("does not know 1 of its members").await;
    stage.press(LEO, &stage.button("run", STEP).await).await;
    let approve = stage.button("approve", STEP).await;

    // He leaves: what he approved stays, and he approves nothing more.
    stage.groups().are(GROUP, &[]);
    assert!(stage.members(2).await.is_empty());
    stage.press(LEO, &approve).await;
    stage.whispered(LEO, "n’est plus dans le groupe Slack `S0DB`").await;
    stage.told(LEO, "take db", "n’est plus dans le groupe").await;
    stage.told(MIA, "timeline", "Slack group `S0DB`").await;
    stage.press(MIA, &stage.button("approve", STEP).await).await;
    let begun = |event: &Event| matches!(event, Event::AttemptStarted { .. });
    let record = stage.recorded("his approval and hers suffice", begun).await;
    let given = |event: &Event| matches!(event, Event::ApprovalGiven { .. });
    assert_eq!((record.count(given), record.attempts(STEP)), (2, 1));

    // Slack fails: whoever was seen last stays.
    stage.groups().are(GROUP, &[LEO]);
    assert_eq!(stage.members(3).await, ["leo"]);
    stage.groups().refuse("fatal_error");
    stage.in_the_room("cannot be read any more").await;
    stage.told(LEO, "take db", "Consigné dans").await;
    stage.judged("user groups").await;
}
