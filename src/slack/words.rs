//! What a message of the chat says, as people read it, and who wrote it.

use serde_json::Value;

use super::sender::text;
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::{Environment, Person};
use crate::domain::run::chat::Words;

pub(super) fn words(environment: &Environment, message: &Value, link: Option<String>) -> Words {
    Words { author: author(environment, message), text: plain(environment, message), link }
}

/// Who wrote a message: of the team, or by the name that Slack has for them.
fn author(environment: &Environment, message: &Value) -> Actor {
    let team = text(message, "/team");
    let user = text(message, "/user").filter(|_| text(message, "/bot_id").is_none());
    let known = user.as_deref().and_then(|user| match &team {
        Some(team) => environment.person_in_slack(Some(team), user),
        None => one_of(environment, user),
    });
    let name = || {
        let bot = text(message, "/username").or_else(|| text(message, "/bot_profile/name"));
        bot.or(user.clone()).or_else(|| text(message, "/bot_id")).unwrap_or_default()
    };
    match known {
        Some(person) => Actor::Person { id: person.id.clone(), via: Surface::Slack },
        None => Actor::Stranger { name: name().chars().take(40).collect(), via: Surface::Slack },
    }
}

/// The one person with this user id, if Slack does not say in which workspace: for naming, never for rights.
fn one_of<'a>(environment: &'a Environment, user: &str) -> Option<&'a Person> {
    let mut found =
        environment.people.iter().filter(|person| person.slack.as_deref() == Some(user));
    found.next().filter(|_| found.next().is_none())
}

/// The text of a message as people read it; of one without, what its attachments say, or how its files are called.
pub(super) fn plain(environment: &Environment, message: &Value) -> String {
    let text_of = |value: &Value, names: &[&str]| {
        names.iter().find_map(|name| text(value, name)).unwrap_or_default()
    };
    let mut said = text_of(message, &["/text"]);
    for (list, names) in
        [("attachments", &["/text", "/fallback"][..]), ("files", &["/title", "/name"])]
    {
        if said.trim().is_empty() {
            let parts = message.get(list).and_then(Value::as_array).into_iter().flatten();
            let parts: Vec<_> = parts.map(|part| text_of(part, names)).collect();
            said = parts.join("\n");
        }
    }
    unmarked(environment, &said)
}

/// Without Slack's markup: `<@U012>` is `@mia`, `<https://x|here>` is `here (https://x)`, `&amp;` is `&`.
fn unmarked(environment: &Environment, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, behind)) = after.split_once('>') else { break };
        out.push_str(before);
        out.push_str(&token(environment, inside));
        rest = behind;
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn token(environment: &Environment, inside: &str) -> String {
    let (what, label) =
        inside.split_once('|').map_or((inside, None), |(what, label)| (what, Some(label)));
    if let Some(user) = what.strip_prefix('@') {
        let person = one_of(environment, user).map(|person| person.id.as_str());
        return format!("@{}", person.or(label).unwrap_or(user));
    }
    for (begins, shown) in [("#", "#"), ("!subteam^", "@"), ("!", "@")] {
        if let Some(name) = what.strip_prefix(begins) {
            let name = label.unwrap_or(name).trim_start_matches('@');
            return format!("{shown}{name}");
        }
    }
    match label {
        Some(label) if label != what => format!("{label} ({what})"),
        Some(_) | None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, CatalogSources};
    use crate::domain::ids::EnvironmentId;

    fn environment() -> Environment {
        let catalog = Catalog::load(&CatalogSources::default()).unwrap();
        let mut environment =
            catalog.environment(&EnvironmentId::parse("demo").unwrap()).unwrap().clone();
        environment.people[0].slack = Some("U0A".into());
        environment
    }

    #[test]
    fn a_message_is_written_down_as_people_read_it() {
        let environment = environment();
        let first = environment.people[0].id.to_string();
        for (slack, plain) in [
            ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c".to_owned()),
            ("<@U0A> and <@U9|eve>, <@U8>", format!("@{first} and @eve, @U8")),
            ("<!here> <#C1|ops> <!subteam^S1|@db>", "@here #ops @db".to_owned()),
            (
                "<https://x.test/a?b=1&amp;c=2|the graph>",
                "the graph (https://x.test/a?b=1&c=2)".to_owned(),
            ),
            ("<https://x.test> < b", "https://x.test < b".to_owned()),
        ] {
            assert_eq!(unmarked(&environment, slack), plain);
        }
        let bot = json!({"text": "", "bot_id": "B1", "username": "alerts", "attachments": [{"fallback": "disk full"}]});
        assert_eq!(plain(&environment, &bot), "disk full");
        assert_eq!(
            author(&environment, &bot),
            Actor::Stranger { name: "alerts".into(), via: Surface::Slack }
        );
        let known = author(&environment, &json!({"user": "U0A"}));
        assert_eq!(known.person().map(ToString::to_string), Some(first));
    }
}
