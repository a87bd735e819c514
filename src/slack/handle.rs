//! What every door does with what came in: who asks, may they from there, what do they want, and what are they told.
//!
//! A door reads its own framing (a signed body, an envelope), calls [`Inbound::take`], and says the [`Reply`] in its
//! own way. When a reply is there, what was asked is on the record, or it is not, or nobody knows; each is said so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tracing::{info, warn};

use super::client::SlackClientHandle;
use super::command::{self, Command};
use super::homes::Homes;
use super::menu::Menu;
use super::obey::{doctor, ending, obey, timeline_of};
use super::payload::{self, Happening, Interaction, Kind, Slash, Unreadable};
use super::render;
use super::said::Said;
use super::sender::Sender;
use crate::catalog::Voice;
use crate::desk::{Answer, Desk, unread};
use crate::domain::actor::Actor;
use crate::domain::comms::{self, Ask, Press, Written};
use crate::domain::environment::Elsewhere;
use crate::domain::ids::RunId;
use crate::domain::run::declared::Field;
use crate::domain::text::Text;
use crate::engine::supervise::Supervisor;

/// How long an answer waits for Slack to say in which language its asker reads.
const LOCALE_WAIT: Duration = Duration::from_millis(500);

/// What the doors share.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub(super) desk: Desk,
    pub(super) slack: Arc<SlackClientHandle>,
    pub(super) supervisor: Supervisor,
    /// Whose home is to be published, and that one is.
    pub(super) homes: Arc<(Mutex<Homes>, Notify)>,
}

/// What Slack is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It is taken: recorded, or answered elsewhere.
    Taken,
    /// What came of it, for the asker's eyes (a line below the command, errors in the form), or for Slack's.
    With(Value),
    /// It is not known to be on the record: Slack may show its own warning, or send it again, which does it once.
    NotRecorded,
    /// Nobody can tell what it is.
    Unreadable(Unreadable),
}

/// In a form, a refusal stands beside what was written, which so is not lost.
fn after_form(voice: &Voice<'_>, press: &Press, written: &Written, answer: &Answer) -> Reply {
    match answer {
        Answer::Done { .. } => Reply::Taken,
        Answer::CodeAsked(text) | Answer::Refused(text) | Answer::Failed(text) => {
            let errors = json!({render::at_fault(press, written, answer): voice.plain(text)});
            Reply::With(json!({"response_action": "errors", "errors": errors}))
        }
    }
}

/// A refusal where it belongs, so that what was filled in is not lost.
pub(super) fn beside(voice: &Voice<'_>, field: Field, text: &Text) -> Reply {
    let errors = json!({ field.name(): voice.plain(text) });
    Reply::With(json!({ "response_action": "errors", "errors": errors }))
}

impl Inbound {
    /// On these parts.
    pub fn new(desk: Desk, slack: Arc<SlackClientHandle>, supervisor: Supervisor) -> Self {
        Self { desk, slack, supervisor, homes: Arc::default() }
    }

    /// Does what a payload asks, once, however often and by whichever door it comes.
    pub async fn take(&self, kind: Kind, payload: &Value) -> Reply {
        let key = payload::key(kind, payload);
        let taken = match kind {
            Kind::Command => match payload::slash(payload) {
                Ok(slash) => Ok(self.command(&key, slash).await),
                Err(error) => Err(error),
            },
            Kind::Interaction => match payload::interaction(payload) {
                Ok(interaction) => Ok(self.interaction(&key, interaction).await),
                Err(error) => Err(error),
            },
            Kind::Event => Ok(self.event(&key, payload::event(payload)).await),
        };
        taken.unwrap_or_else(|error| {
            warn!(error = %error, "Refused a payload");
            Reply::Unreadable(error)
        })
    }

    async fn command(&self, key: &str, Slash { sender, text }: Slash) -> Reply {
        let by = self.actor(&sender);
        let elsewhere = self.elsewhere(&sender, &by);
        // A trigger grows old while anything else is waited for.
        let asks = elsewhere.is_none() && command::parse(&text) == Ok(Command::Declare);
        if asks && self.opens_start(&sender, None).await {
            return Reply::Taken;
        }
        self.meet(&by).await;
        let said = match elsewhere {
            Some(text) => self.say(&by, &text),
            None => self.obey(key, &by, &sender, &text).await,
        };
        Reply::With(said.ephemeral())
    }

    async fn event(&self, key: &str, event: Happening) -> Reply {
        match event {
            Happening::Challenge(challenge) => Reply::With(json!({"challenge": challenge})),
            Happening::Mention { sender, text } => {
                let by = self.actor(&sender);
                self.meet(&by).await;
                let said = match self.elsewhere(&sender, &by) {
                    Some(text) => self.say(&by, &text),
                    None => self.obey(key, &by, &sender, &text).await,
                };
                self.whisper(sender, said);
                Reply::Taken
            }
            Happening::Home(sender) => self.home_opened(sender),
            Happening::Heard(heard) => self.heard(key, heard).await,
            Happening::Ignored => Reply::Taken,
        }
    }

    async fn interaction(&self, key: &str, interaction: Interaction) -> Reply {
        let (Interaction::Click(sender, _)
        | Interaction::Sent(sender, ..)
        | Interaction::Marked(sender, _)
        | Interaction::Language(sender, _)
        | Interaction::Declare(sender)
        | Interaction::Offer(sender, ..)
        | Interaction::Menu(sender, _)
        | Interaction::Timeline(sender, _)
        | Interaction::Declared(sender, _)
        | Interaction::NotOurs(sender)) = &interaction
        else {
            return Reply::Taken;
        };
        let by = self.actor(sender);
        let elsewhere = self.elsewhere(sender, &by).map(Answer::Refused);
        match (interaction, elsewhere) {
            (Interaction::Sent(_, press, written), Some(refused)) => {
                self.meet(&by).await;
                after_form(&self.desk.voice_of(&by), &press, &written, &refused)
            }
            (Interaction::Declared(..), Some(refused)) => {
                self.meet(&by).await;
                beside(&self.desk.voice_of(&by), Field::Runbook, refused.text())
            }
            (
                Interaction::Click(sender, _)
                | Interaction::Menu(sender, _)
                | Interaction::Timeline(sender, _)
                | Interaction::Marked(sender, _)
                | Interaction::Language(sender, _)
                | Interaction::Declare(sender)
                | Interaction::Offer(sender, ..)
                | Interaction::NotOurs(sender),
                Some(refused),
            ) => self.after_click(sender, &by, refused),
            (Interaction::Timeline(sender, run), None) => self.timeline(sender, &run).await,
            (Interaction::Menu(sender, menu), None) => self.menu(key, sender, menu).await,
            (Interaction::Declared(sender, filled), None) => {
                self.declared(key, &sender, &filled).await
            }
            (Interaction::Click(sender, press), None) if press.ask.wants_words() => {
                self.open_form(sender, &press).await
            }
            (Interaction::Click(sender, press), None) => {
                match self.desk.press(key, &by, &press, &Written::default()).await {
                    Answer::CodeAsked(_) => self.open_form(sender, &press).await,
                    answer @ (Answer::Done { .. } | Answer::Refused(_) | Answer::Failed(_)) => {
                        if press.ask == Ask::Done && matches!(answer, Answer::Done { .. }) {
                            self.offer_the_end(sender.clone(), by.clone(), press.run);
                        }
                        self.after_click(sender, &by, answer)
                    }
                }
            }
            (Interaction::Sent(_, press, written), None) => {
                let answer = self.desk.press(key, &by, &press, &written).await;
                self.meet(&by).await;
                after_form(&self.desk.voice_of(&by), &press, &written, &answer)
            }
            (Interaction::Marked(to, mark), None) => self.mark_told(key, to, &by, &mark).await,
            (Interaction::Language(to, one), None) => self.language_chosen(to, one).await,
            (Interaction::Declare(sender), None) => self.declare(sender).await,
            (Interaction::Offer(to, offer, yes), None) => self.offer(to, offer, yes).await,
            (Interaction::NotOurs(sender), None) => self.not_ours(sender, &by),
            (Interaction::Ignored, _) => Reply::Taken,
        }
    }

    fn not_ours(&self, sender: Sender, by: &Actor) -> Reply {
        info!(actor = ?by, "Refused a button that is not ours");
        self.after_click(sender, by, Answer::Refused(Text::key("refused.not_ours")))
    }

    /// Whoever did the last step need not look for the button that ends the run, far above on its card.
    fn offer_the_end(&self, to: Sender, by: Actor, run: RunId) {
        let inbound = self.clone();
        self.supervisor.once(async move {
            let Ok(Some(stored)) = inbound.desk.engine.store.run(&run).await else { return };
            inbound.meet(&by).await;
            if let Some(said) = ending(&inbound.desk, &by, &stored.run) {
                inbound.whisper(to, said);
            }
        });
    }

    /// A button does what its word does; the answer is told to whoever pressed.
    async fn menu(&self, key: &str, sender: Sender, menu: Menu) -> Reply {
        if menu == Menu::Start && self.opens_start(&sender, None).await {
            return Reply::Taken;
        }
        let by = self.actor(&sender);
        self.meet(&by).await;
        let said = self.obey(key, &by, &sender, menu.word()).await;
        self.whisper(sender, said);
        Reply::Taken
    }

    /// Does what somebody typed, or a button in its place.
    async fn obey(&self, key: &str, by: &Actor, sender: &Sender, text: &str) -> Said {
        if command::parse(text) == Ok(Command::Doctor { now: true })
            && by.person().is_some()
            && self.desk.engine.doctor.is_some()
        {
            return self.look_now(by, sender);
        }
        obey(&self.desk, key, by, (sender, self.slack.page.as_deref()), text).await
    }

    /// The doctor looks, whether a run is open or not: somebody asked. What it saw is told to them afterwards.
    fn look_now(&self, by: &Actor, sender: &Sender) -> Said {
        if self.desk.is_looking() {
            return self.say(by, &Text::key("doctor.busy"));
        }
        let (this, by, to) = (self.clone(), by.clone(), sender.clone());
        let said = this.say(&by, &Text::key("doctor.looking"));
        self.supervisor.once(async move {
            let said = match this.desk.round().await {
                Ok(_) => doctor(&this.desk, &by).await,
                Err(error) => this.say(&by, &unread(&error)),
            };
            this.whisper(to, said);
        });
        said
    }

    /// The timeline of a run, for the eyes of whoever pressed its button.
    async fn timeline(&self, sender: Sender, run: &RunId) -> Reply {
        let by = self.actor(&sender);
        self.meet(&by).await;
        let said = timeline_of(&self.desk, &by, run).await;
        self.whisper(sender, said);
        Reply::Taken
    }

    /// A person is who they are at home.
    pub(super) fn actor(&self, sender: &Sender) -> Actor {
        let home = sender.home.as_deref().or(sender.team.as_deref());
        self.desk.slack_actor(home, &sender.user)
    }

    /// Learns in which language somebody is answered, if it can be learnt at once.
    pub(super) async fn meet(&self, by: &Actor) {
        let Some(user) = self.desk.recall(by).await.map(str::to_owned) else { return };
        let (desk, slack) = (self.desk.clone(), Arc::clone(&self.slack));
        let (done, learnt) = oneshot::channel::<()>();
        self.supervisor.once(async move {
            let locale = slack.locale(&user).await.unwrap_or_else(|error| {
                info!(error = %error, "Slack does not say in which language somebody reads");
                None
            });
            desk.heard(&user, locale.as_deref());
            drop(done);
        });
        // Answered by the end of the task, whatever came of it.
        drop(tokio::time::timeout(LOCALE_WAIT, learnt).await);
    }

    /// What is told to somebody who asks from a place from which runs are not driven.
    pub(super) fn elsewhere(&self, sender: &Sender, by: &Actor) -> Option<Text> {
        let chat = &self.desk.environment.chat;
        let teams = [sender.team.as_deref(), sender.home.as_deref()];
        let place = chat.admits_teams(teams).and_then(|()| match &sender.channel {
            Some(channel) => chat.admits_channel(channel),
            // A form has none; it was opened from a channel that was asked about.
            None => Ok(()),
        });
        let elsewhere = place.err()?;
        info!(actor = ?by, teams = ?teams, channel = ?sender.channel, "Refused a place");
        Some(match elsewhere {
            Elsewhere::Team => {
                let ours = |team: &&str| chat.teams.iter().any(|one| one == team);
                let other = teams.into_iter().flatten().find(|team| !ours(team));
                let team = Text::raw(other.unwrap_or("?"));
                Text::Key("refused.other_team", vec![("team", team)])
            }
            Elsewhere::Channel => {
                let war_room = Text::Channel(chat.war_room.clone());
                Text::Key("refused.other_channel", vec![("channel", war_room)])
            }
        })
    }

    fn say(&self, by: &Actor, text: &Text) -> Said {
        Said::new(&self.desk, by, text)
    }

    /// Tells the asker, after the acknowledgement. Should it fail, the record is not touched by it.
    fn whisper(&self, to: Sender, said: Said) {
        let Some(channel) = to.channel else { return };
        let slack = Arc::clone(&self.slack);
        self.supervisor.once(async move {
            if let Err(error) = slack.whisper(&channel, &to.user, &said.text, &said.blocks).await {
                warn!(error = %error, "Could not answer the asker");
            }
        });
    }

    /// Tells the asker after the acknowledgement, in the language that may have to be asked for first: where they
    /// asked, or, of what is in no channel, before their eyes.
    pub(super) fn tell_later(&self, to: Sender, by: &Actor, text: Text) {
        let (this, by) = (self.clone(), by.clone());
        self.supervisor.once(async move {
            this.meet(&by).await;
            let (None, Some(trigger)) = (&to.channel, &to.trigger) else {
                return this.whisper(to, this.say(&by, &text));
            };
            let voice = this.desk.voice_of(&by);
            let note = render::note(&voice, &Text::key("home.note"), &text);
            if let Err(error) = this.slack.open(trigger, &note).await {
                warn!(error = %error, "Could not answer the asker");
            }
        });
    }

    pub(super) fn after_click(&self, sender: Sender, by: &Actor, answer: Answer) -> Reply {
        match answer {
            Answer::Done { .. } => Reply::Taken,
            Answer::CodeAsked(text) | Answer::Refused(text) => {
                self.tell_later(sender, by, text);
                Reply::Taken
            }
            // Nothing was recorded, or nobody knows: Slack shows its warning beside the button as well.
            Answer::Failed(text) => {
                self.tell_later(sender, by, text);
                Reply::NotRecorded
            }
        }
    }

    async fn open_form(&self, sender: Sender, press: &Press) -> Reply {
        let by = self.actor(&sender);
        self.meet(&by).await;
        let voice = self.desk.voice_of(&by);
        let run = self.desk.engine.store.run(&press.run).await;
        let now = self.desk.engine.clock.now();
        let form = match run {
            Ok(Some(stored)) => match self.desk.asks_code(&stored.run, &by, press).await {
                Ok(asks_code) => comms::form::form(&stored.run, press, asks_code, now),
                Err(error) => {
                    let answer = Answer::Failed(unread(&error));
                    return self.after_click(sender, &by, answer);
                }
            },
            Ok(None) => {
                info!(run.id = %press.run, actor = ?by, "Refused a form of an unknown run");
                let run = vec![("run", Text::raw(&press.run))];
                let answer = Answer::Refused(Text::Key("refused.no_such_run", run));
                return self.after_click(sender, &by, answer);
            }
            Err(error) => {
                let answer = Answer::Failed(unread(&error));
                return self.after_click(sender, &by, answer);
            }
        };
        let (Some(form), Some(trigger)) = (form, &sender.trigger) else {
            let answer = Answer::Refused(Text::key("refused.not_ours"));
            return self.after_click(sender, &by, answer);
        };
        if let Err(error) = self.slack.open(trigger, &render::view(&voice, &form)).await {
            warn!(error = %error, "Could not open a form");
            let answer = Answer::Refused(Text::key("command.ask_failed"));
            return self.after_click(sender, &by, answer);
        }
        Reply::Taken
    }
}
