//! The war room in the browser: the same messages and the same buttons as in chat, drawn from the same Block Kit, for
//! the demo and for the hour in which Slack is down.
//!
//! How it looks is pure functions from values to HTML, in reading order: text ([`mrkdwn`], with [`glyph`]), messages
//! ([`blockkit`]), the modal's twin ([`form`]), what stands around every page ([`frame`]), the pages ([`page`], of
//! which the war room is [`room`]). Nothing there decides, reads the clock, touches a socket or holds a word that
//! people read: words come through [`Say`], names of people through [`Names`], everything else as plain values.
//!
//! [`door`] is the way in: health, and shut until the process may be worked with. [`access`] says who is looking,
//! [`scene`] makes the values of a page from a run, [`router`] serves: one file per kind of visit.
//!
//! Every text goes through maud's escaping; `PreEscaped` appears nowhere but around the doctype maud itself writes.
//! The pages need no inline script and no inline style, so [`frame::CONTENT_SECURITY_POLICY`] can forbid both.

pub mod access;
pub mod blockkit;
pub mod door;
pub mod form;
pub mod frame;
pub mod glyph;
pub mod mrkdwn;
pub mod page;
pub mod room;
pub mod router;
pub mod scene;

/// Gives the text of a message key in the reader's language.
pub type Say<'a> = &'a dyn Fn(&str) -> String;

/// Gives the name to show for a Slack user id, if that person is known.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<String>;
