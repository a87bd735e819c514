//! Putting a message of the chat on the timeline, taking the mark back, and following what becomes of the message.

use super::rights;
use crate::domain::actor::{Actor, Right};
use crate::domain::run::chat::{Chat, ChatAsk, ChatNote, News, Source, Words, bounded, digest};
use crate::domain::run::limits;
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::Run;

/// What follows from a request about a message.
pub(super) fn decide(
    run: &Run,
    source: &Source,
    ask: &ChatAsk,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let known = run.chat_note(source).filter(|note| note.marked_by.is_some());
    let what = match ask {
        ChatAsk::Mark(words) => {
            rights::not_closed(run)?;
            rights::check(run, by, Right::Note, None)?;
            let is_new = run.chat_note(source).is_none();
            if is_new && run.chat.len() >= limits::MARKS {
                return Err(Refusal::TooManyMarks { most: limits::MARKS });
            }
            // One entry, however many mark it; whoever marked it first can take it back.
            known.is_none().then(|| Chat::Marked(words.clone().map(Words::bounded)))
        }
        ChatAsk::Unmark => {
            let person = rights::check(run, by, Right::Note, None)?;
            let is_theirs = known.is_some_and(|note| note.marked_by.as_ref() == Some(&person.id));
            is_theirs.then_some(Chat::Unmarked)
        }
        ChatAsk::Follow(news) => {
            rights::engine(by)?;
            follow(known, news)?.map(Chat::Followed)
        }
    };
    Ok(what.map(|what| Event::Chat { source: source.clone(), what }).into_iter().collect())
}

fn follow(known: Option<&ChatNote>, news: &News) -> Result<Option<News>, Refusal> {
    Ok(match (news, known) {
        (News::Read(words), Some(note)) if note.author.is_none() => {
            Some(News::Read(words.clone().bounded()))
        }
        (News::Unread(why), Some(note)) if note.author.is_none() => {
            Some(News::Unread(why.as_deref().map(bounded)))
        }
        // The mark was taken back meanwhile, or somebody else read it.
        (News::Read(_) | News::Unread(_), _) => return Err(Refusal::OutOfDate),
        (News::Edited(text), Some(note)) if !note.deleted && note.edits < limits::EDITS => {
            let text = bounded(text);
            // A preview of a link is an edit to Slack, and changes no word.
            (note.text != Some(digest(&text))).then_some(News::Edited(text))
        }
        (News::Deleted(text), Some(note)) if !note.deleted => {
            // Its words are on the record already, if it was read.
            let last = text.as_deref().filter(|_| note.text.is_none()).map(bounded);
            Some(News::Deleted(last))
        }
        (News::Edited(_) | News::Deleted(_), _) => None,
    })
}
