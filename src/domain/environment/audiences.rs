//! Who is told how a run goes, beside those who drive it: where, in which language, how often, and whether somebody must
//! have agreed to the words. The war room is always told; everybody else is named by the environment file.

use serde::{Deserialize, Serialize};

use super::words::{CHANNELS, LANGUAGES, is_slack_id, word};
use super::{Chat, Environment};
use crate::domain::ids::AudienceId;
use crate::domain::time::Span;
use crate::domain::value::Language;
use crate::domain::yaml::reader::Mapping;
use crate::domain::yaml::shape::{Field, Shape, field};
use crate::domain::yaml::tree::Place;
use crate::domain::yaml::{Problems, quoted};

/// The id of the war room among the audiences.
pub const ROOM: &str = "room";
/// How often the war room is told unless `chat.updates` says otherwise.
pub(super) const ROOM_EVERY: Span = Span::minutes(10);
/// Nobody reads more often than that.
pub(super) const LEAST: Span = Span::minutes(5);
/// Audiences of one environment beside the room: each has a card every time it is told.
const MOST: usize = 8;

const AUDIENCE: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("short name: `management`"),
    field("text", Shape::Text)
        .required()
        .doc("what is said: `management`, `customers`, `partners` or `support`"),
    field("to", Shape::Text).required().doc("id of the Slack channel"),
    field("exercise_to", Shape::Text)
        .doc("the channel during exercises; without it the audience hears of none"),
    field("every", Shape::Span).required().doc("how often: `30m`"),
    field("language", Shape::Text).doc("`en` or `fr`; the war room's if absent"),
    field("approve", Shape::Flag).doc(
        "whether somebody must have agreed to the words; always so for customers and partners",
    ),
];
const WORDS: [(&str, Wording); 4] = [
    ("management", Wording::Management),
    ("customers", Wording::Customers),
    ("partners", Wording::Partners),
    ("support", Wording::Support),
];

/// Which text an audience is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// Everything, for those who drive it.
    Room,
    /// Where it stands, what it costs, what is asked of them.
    Management,
    /// What they may count on. No cause, no promise.
    Customers,
    /// As customers, and what their systems see of it.
    Partners,
    /// What to say, and what not.
    Support,
}

impl Wording {
    /// As sentences of the catalog are named.
    pub fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Management => "management",
            Self::Customers => "customers",
            Self::Partners => "partners",
            Self::Support => "support",
        }
    }

    /// Whether it leaves the house: nothing of that without a person's yes, whatever a file says.
    pub fn is_outside(self) -> bool {
        match self {
            Self::Customers | Self::Partners => true,
            Self::Room | Self::Management | Self::Support => false,
        }
    }
}

/// Who is told how a run goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Short name.
    pub id: AudienceId,
    /// What is said.
    pub text: Wording,
    /// The channel, by its id.
    pub to: String,
    /// The channel during exercises, if the audience hears of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercise_to: Option<String>,
    /// How often.
    pub every: Span,
    /// In which language.
    pub language: Language,
    /// Whether somebody must have agreed to the words.
    pub approve: bool,
}

impl Audience {
    /// The war room.
    fn room(chat: &Chat) -> Option<Self> {
        Some(Self {
            id: AudienceId::parse(ROOM).ok()?,
            text: Wording::Room,
            to: chat.war_room.clone(),
            exercise_to: Some(chat.war_room.clone()),
            every: chat.updates,
            language: chat.language,
            approve: false,
        })
    }

    /// Whether it is the war room.
    pub fn is_room(&self) -> bool {
        self.text == Wording::Room
    }

    /// Whether nothing is said without a person's yes to the words.
    pub fn needs_a_yes(&self) -> bool {
        self.approve || self.text.is_outside()
    }
}

impl Environment {
    /// Everybody who is told, the war room first.
    pub fn told(&self) -> impl Iterator<Item = Audience> {
        Audience::room(&self.chat).into_iter().chain(self.audiences.iter().cloned())
    }
}

/// Reads the section; `chat`: what is said where nothing else is.
pub(super) fn read(
    mapping: Mapping<'_>,
    chat: Option<&Chat>,
    problems: &mut Problems,
) -> Option<Vec<Audience>> {
    let mut audiences: Vec<Audience> = Vec::new();
    let mut is_whole = true;
    let items = mapping.list("audiences", Shape::Defined("audiences"), problems);
    if let Some(item) = items.get(MOST) {
        let hint = "people in one channel are one audience";
        problems.add(item.at, format!("more than {MOST} audiences"), hint);
    }
    for item in items {
        let one = Mapping::read(item, "an audience", AUDIENCE, problems);
        match one.and_then(|one| read_one(one, chat, problems)) {
            Some((audience, at)) => {
                if audience.id.as_str() == ROOM {
                    let hint = "the war room is told anyway, as often as `chat.updates` says";
                    problems.add(at, format!("audience `{ROOM}` is the war room"), hint);
                }
                if audiences.iter().any(|other| other.id == audience.id) {
                    let message = format!("audience `{}` is named twice", audience.id);
                    problems.add(at, message, "");
                }
                audiences.push(audience);
            }
            None => is_whole = false,
        }
    }
    is_whole.then_some(audiences)
}

fn read_one(
    one: Mapping<'_>,
    chat: Option<&Chat>,
    problems: &mut Problems,
) -> Option<(Audience, Place)> {
    let id = one.id("id", AudienceId::parse, problems);
    let text = word(one, "text", &WORDS, problems);
    let (to, exercise_to) = (one.text("to", problems), one.text("exercise_to", problems));
    for (channel, at) in to.iter().chain(&exercise_to) {
        is_slack_id(channel, &CHANNELS, *at, problems);
    }
    if let (Some((to, _)), Some((exercise, at))) = (&to, &exercise_to)
        && to == exercise
    {
        let hint = "whoever reads there would take an exercise for the real thing";
        problems.add(*at, format!("{} is the channel of incidents", quoted(exercise)), hint);
    }
    let every = one.span("every", problems);
    if let Some((every, at)) = every
        && every < LEAST
    {
        let hint = format!("at least {}", LEAST.spoken());
        problems.add(at, format!("every {} is too often", every.spoken()), hint);
    }
    let language = word(one, "language", &LANGUAGES, problems);
    let approve = one.flag("approve", problems);
    if let (Some(text), Some(node)) = (text, one.get("approve"))
        && text.is_outside()
        && !approve
    {
        let hint = "what leaves the house is always agreed to by a person";
        problems.add(node.at, format!("`{}` without approval", text.name()), hint);
    }
    let (id, at) = id?;
    let text = text?;
    let audience = Audience {
        id,
        text,
        to: to?.0,
        exercise_to: exercise_to.map(|(channel, _)| channel),
        every: every?.0,
        language: language.or(chat.map(|chat| chat.language)).unwrap_or_default(),
        approve: approve || text.is_outside(),
    };
    Some((audience, at))
}
