//! From the text of an environment file to an [`Environment`], or to every problem it has.

use std::collections::HashMap;

use super::words::{CHANNELS, LANGUAGES, is_slack_id, word};
use super::{
    Chat, Environment, EnvironmentKind, Objectives, Person, Regions, alerts, audiences, groups,
};
use crate::domain::actor::Role;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::yaml::reader::{self, At, Mapping};
use crate::domain::yaml::shape::{Field, Shape, field};
use crate::domain::yaml::tree::{self, Node, Place, Tree};
use crate::domain::yaml::{Diagnostic, Problems, near, quoted};

/// The fields the product itself reads; beside them the file holds whatever its runbooks name.
pub const ENVIRONMENT: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("name of the environment and of its file"),
    field("kind", Shape::Text).required().doc("`production` or `staging`"),
    field("account", Shape::Text).required().doc("the AWS account, twelve digits in quotes"),
    field("regions", Shape::Defined("regions")).required().doc("`primary` and `dr`"),
    field("objectives", Shape::Defined("objectives")).required().doc("`rto` and `rpo`"),
    field("chat", Shape::Defined("chat")).required().doc("the war room and its language"),
    field("people", Shape::Defined("people")).required().doc("who may act, with their roles"),
    field("groups", Shape::Defined("groups")).doc("Slack user groups that give these people roles"),
    field("alerts", Shape::Defined("alerts")).doc("`topics` of SNS whose alarms are offered"),
    field("audiences", Shape::Defined("audiences"))
        .doc("who is told how a run goes, beside the war room"),
];
const REGIONS: &[Field<'_>] = &[
    field("primary", Shape::Text).required().doc("where the service normally runs: `eu-west-1`"),
    field("dr", Shape::Text).required().doc("where it goes: `us-east-1`"),
    field("witness", Shape::Text).doc("a third region, for what must outlive both"),
];
const OBJECTIVES: &[Field<'_>] = &[
    field("rto", Shape::Span).required().doc("longest time without service: `30m`"),
    field("rpo", Shape::Span).required().doc("longest stretch of lost writes: `5m`"),
    field("exercise_rto", Shape::Span).doc("the same for exercises"),
    field("exercise_rpo", Shape::Span).doc("the same for exercises"),
    field("detect", Shape::Span).doc("longest time until somebody knows"),
];
const CHAT: &[Field<'_>] = &[
    field("war_room", Shape::Text).required().doc("id of the Slack channel"),
    field("language", Shape::Text).doc("`en` (default) or `fr`"),
    field("time_zone", Shape::Text).doc("IANA name shown beside UTC: `Europe/Paris`"),
    field("updates", Shape::Span).doc("how often the room is told how a run goes; `10m` if absent"),
    field("run_prefix", Shape::Text).doc("how run ids begin: `OPS-DR`"),
    field("timeline_reaction", Shape::Text)
        .doc("the reaction that puts a message on the timeline, without colons: `stopwatch`"),
    field("teams", Shape::Texts)
        .doc("Slack team ids that may drive runs: `[T012ABCDEF]`; any if absent"),
    field("channels", Shape::Texts)
        .doc("Slack channel ids, beside the war room, that may: `[C012ABCDEF]`; any if absent"),
];
const PERSON: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("short name used in the record"),
    field("name", Shape::Text).required().doc("as people call them"),
    field("slack", Shape::Text).doc("Slack user id, such as `U012ABCDEF`"),
    field("slack_team", Shape::Text).doc("Slack team id, where one app serves several workspaces"),
    field("roles", Shape::Roles).doc("what they may answer for; absent if only a group says so"),
    field("language", Shape::Text).doc("`en` or `fr`; the war room's if absent"),
];
/// Names that conditions and templates use for other things.
const RESERVED: [&str; 4] = ["run", "steps", "facts", "env"];

/// Checks the text of an environment file.
pub fn check(file: &str, text: &str) -> Result<Environment, Vec<Diagnostic>> {
    let mut problems = Problems::new(file);
    let root = match tree::parse(text) {
        Ok(root) => root,
        Err(fault) => {
            problems.fault(fault);
            return problems.or(None);
        }
    };
    reader::lengths(&root, &mut problems);
    let environment = read(&root, &mut problems);
    problems.or(environment)
}

fn read(root: &Node, problems: &mut Problems) -> Option<Environment> {
    let mapping = Mapping::read_open(root, "the environment", ENVIRONMENT, problems)?;
    for entry in mapping.entries() {
        let key = entry.key.as_str();
        if RESERVED.contains(&key) {
            problems.add(
                entry.at,
                format!("`{key}` is a reserved name"),
                "choose another: conditions use it",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !key.chars().all(plain) {
            let hint = "letters, digits and `_`, so that `${…}` and conditions can name it";
            problems.add(entry.at, format!("{} cannot be named", quoted(key)), hint);
        }
    }
    let id = mapping.id("id", EnvironmentId::parse, problems);
    let kind = word(mapping, "kind", &KINDS, problems);
    let account = read_account(mapping, problems);
    if let Some(account) = &account {
        arns(root, account, problems);
    }
    let regions = read_regions(mapping, problems);
    let objectives = section(mapping, "objectives", OBJECTIVES, problems).and_then(|one| {
        // Read by nothing yet; wrong ones are found all the same.
        for extra in ["exercise_rpo", "detect"] {
            one.span(extra, problems);
        }
        let exercise_rto = one.span("exercise_rto", problems).map(|span| span.0);
        let (rto, rpo) = (one.span("rto", problems), one.span("rpo", problems));
        Some(Objectives { rto: rto?.0, rpo: rpo?.0, exercise_rto })
    });
    let chat = read_chat(mapping, problems);
    let teams = chat.as_ref().map(|chat| chat.teams.as_slice()).unwrap_or_default();
    let people = read_people(mapping, teams, problems);
    let groups = groups::read(mapping, teams, problems);
    let alerts = alerts::read(mapping, problems);
    let audiences = audiences::read(mapping, chat.as_ref(), problems);
    Some(Environment {
        alerts: alerts?,
        audiences: audiences?,
        id: id?.0,
        kind: kind?,
        account: account?,
        regions: regions?,
        objectives: objectives?,
        chat: chat?,
        people: people?,
        groups: groups?,
        document: root.json(),
    })
}

const KINDS: [(&str, EnvironmentKind); 2] =
    [("production", EnvironmentKind::Production), ("staging", EnvironmentKind::Staging)];

fn section<'a>(
    mapping: Mapping<'a>,
    key: &str,
    fields: &[Field<'_>],
    problems: &mut Problems,
) -> Option<Mapping<'a>> {
    Mapping::read(mapping.get(key)?, &format!("`{key}`"), fields, problems)
}

fn read_account(mapping: Mapping<'_>, problems: &mut Problems) -> Option<String> {
    let (account, at) = mapping.text("account", problems)?;
    if account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()) {
        return Some(account);
    }
    problems.add(
        at,
        format!("account {} is not twelve digits", quoted(&account)),
        "in quotes: \"111111111111\"",
    );
    None
}

/// Every ARN that names an account must name this one: the check before a call would refuse the others at night.
fn arns(root: &Node, account: &str, problems: &mut Problems) {
    root.each_text(&mut |text, at| {
        let mut parts = text.split(':');
        let other = (parts.next() == Some("arn")).then(|| parts.nth(3)).flatten();
        if let Some(other) = other.filter(|other| !other.is_empty() && *other != account) {
            let message =
                format!("this ARN belongs to account {}, not to `{account}`", quoted(other));
            problems.add(at, message, "a run acts in one account only");
        }
    });
}

fn read_regions(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Regions> {
    let regions = section(mapping, "regions", REGIONS, problems)?;
    let mut region = |key: &str| -> Option<At<String>> {
        let (text, at) = regions.text(key, problems)?;
        let fits = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && text.ends_with(|c: char| c.is_ascii_digit())
            && text.split('-').count() >= 3;
        if !fits {
            problems.add(
                at,
                format!("{} is not a region", quoted(&text)),
                "its AWS name: `eu-west-1`",
            );
        }
        Some((text, at))
    };
    let (primary, dr) = (region("primary"), region("dr"));
    region("witness");
    let ((primary, _), (dr, at)) = (primary?, dr?);
    if primary == dr {
        problems.add(
            at,
            "`dr` is the same region as `primary`",
            "a failover goes to another region",
        );
    }
    Some(Regions { primary, dr })
}

fn read_chat(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Chat> {
    let chat = section(mapping, "chat", CHAT, problems)?;
    let war_room = chat.text("war_room", problems);
    if let Some((id, at)) = &war_room {
        is_slack_id(id, &CHANNELS, *at, problems);
    }
    let language = word(chat, "language", &LANGUAGES, problems).unwrap_or_default();
    let time_zone = chat.text("time_zone", problems);
    if let Some((name, at)) = &time_zone
        && jiff::tz::TimeZone::get(name).is_err()
    {
        problems.add(
            *at,
            format!("unknown time zone {}", quoted(name)),
            "an IANA name: `Europe/Paris`",
        );
    }
    let updates = chat.span("updates", problems);
    if let Some((every, at)) = updates
        && every < audiences::LEAST
    {
        let hint = format!("at least {}", audiences::LEAST.spoken());
        problems.add(at, format!("every {} is too often", every.spoken()), hint);
    }
    let run_prefix = chat.text("run_prefix", problems);
    if let Some((prefix, at)) = &run_prefix
        && !(prefix.len() <= 20 && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    {
        problems.add(
            *at,
            format!("{} cannot begin a run id", quoted(prefix)),
            "letters, digits and `-`, at most 20",
        );
    }
    let timeline_reaction = chat.text("timeline_reaction", problems);
    if let Some((name, at)) = &timeline_reaction
        && (name.is_empty() || name.len() > 80 || name.contains([':', ' ']))
    {
        problems.add(
            *at,
            format!("{} is not a reaction", quoted(name)),
            "as Slack names it: `stopwatch`",
        );
    }
    Some(Chat {
        war_room: war_room?.0,
        language,
        time_zone: time_zone.map_or_else(super::utc, |(name, _)| name),
        updates: updates.map_or_else(super::updates, |(every, _)| every),
        run_prefix: run_prefix.map_or_else(super::run_prefix, |(prefix, _)| prefix),
        timeline_reaction: timeline_reaction
            .map_or_else(super::timeline_reaction, |(name, _)| name),
        teams: slack_ids(chat, "teams", &['T', 'E'], problems),
        channels: slack_ids(chat, "channels", &CHANNELS, problems),
    })
}

fn slack_ids(
    mapping: Mapping<'_>,
    key: &str,
    begin: &[char],
    problems: &mut Problems,
) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for item in mapping.list(key, Shape::Texts, problems) {
        let Some(id) = reader::text(item, key, Shape::Text, problems) else { continue };
        if !is_slack_id(id, begin, item.at, problems) {
            continue;
        }
        if ids.iter().any(|other| other == id) {
            problems.add(item.at, format!("{} is named twice", quoted(id)), "");
        } else {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// A person's team must be one that may drive runs, and must be said where there are several.
fn home(
    slack: Option<&At<String>>,
    team: Option<&At<String>>,
    teams: &[String],
    problems: &mut Problems,
) {
    match (slack, team) {
        (_, Some((team, at))) if !teams.is_empty() && !teams.contains(team) => {
            let hint = near(team, teams.iter().map(String::as_str));
            problems.add(*at, format!("team {} is not in `chat.teams`", quoted(team)), hint);
        }
        (Some((user, at)), None) if teams.len() > 1 => {
            let message = format!("Slack id {} without a `slack_team`", quoted(user));
            let hint = "`chat.teams` names several: say in which of them this is";
            problems.add(*at, message, hint);
        }
        (_, Some(_)) | (Some(_), None) | (None, None) => {}
    }
}

fn read_people(
    mapping: Mapping<'_>,
    teams: &[String],
    problems: &mut Problems,
) -> Option<Vec<Person>> {
    let node = mapping.get("people")?;
    let mut people = Vec::new();
    let mut is_whole = true;
    let mut taken: HashMap<String, Place> = HashMap::new();
    let mut has_ic = false;
    for item in mapping.list("people", Shape::Defined("people"), problems) {
        let Some(one) = Mapping::read(item, "a person", PERSON, problems) else {
            is_whole = false;
            continue;
        };
        let id = one.id("id", PersonId::parse, problems);
        let name = one.text("name", problems);
        let slack = one.text("slack", problems);
        let slack_team = one.text("slack_team", problems);
        home(slack.as_ref(), slack_team.as_ref(), teams, problems);
        let slack_team = slack_team.map(|(team, _)| team);
        let roles = match one.get("roles") {
            None if mapping.get("groups").is_some() => Some(Vec::new()),
            Some(_) => one.roles("roles", problems),
            None => {
                // An empty one has been reported.
                if one.entries().iter().all(|entry| entry.key != "roles") {
                    let hint = "add `roles`: what they may answer for";
                    problems.add(item.at, "a person has no `roles`", hint);
                }
                None
            }
        };
        let language = word(one, "language", &LANGUAGES, problems);
        has_ic |= roles.iter().flatten().any(|(role, _)| *role == Role::Ic);
        let team = slack_team.as_deref().unwrap_or("any team");
        let keys = id.iter().map(|(id, at)| (format!("person id `{id}`"), *at));
        let keys = keys
            .chain(slack.iter().map(|(user, at)| (format!("Slack id `{user}` of {team}"), *at)));
        for (key, at) in keys {
            if let Some(first) = taken.get(&key) {
                let hint = format!("the first is in line {}", first.line);
                problems.add(at, format!("{key} is used twice: two people must be two"), hint);
            } else {
                taken.insert(key, at);
            }
        }
        let whole = || {
            let roles = roles?.into_iter().map(|(role, _)| role).collect();
            let slack = slack.map(|(user, _)| user);
            Some(Person { id: id?.0, name: name?.0, slack, slack_team, roles, language })
        };
        match whole() {
            Some(person) => people.push(person),
            None => is_whole = false,
        }
    }
    if !has_ic && matches!(node.value, Tree::List(_)) {
        problems.add(
            node.at,
            "nobody holds the role `ic`",
            "somebody must command: hold, resume, close. A group cannot be read while Slack is away",
        );
    }
    is_whole.then_some(people)
}
