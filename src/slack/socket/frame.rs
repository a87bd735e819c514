//! What comes over a socket, read leniently, and what goes back. Pure.

use serde_json::{Value, json};

use crate::slack::payload::Kind;

/// One message of Slack's.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// The socket is open.
    Hello,
    /// This socket is about to end.
    Disconnect(Ending),
    /// Something a person did.
    Envelope(Envelope),
    /// Nothing we can use; why.
    Useless(&'static str),
}

/// Why Slack ends a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// `warning`, `refresh_requested`, or a reason of tomorrow: another socket is to take over.
    Refresh,
    /// `too_many_websockets`: the app has ten.
    TooMany,
    /// `link_disabled`: somebody has switched Socket Mode off.
    Disabled,
}

impl Ending {
    /// As the log says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::TooMany => "too many sockets",
            Self::Disabled => "switched off",
        }
    }
}

/// A payload with what is needed to acknowledge it. Its id is made anew at each delivery, and never names the request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Envelope {
    /// What the acknowledgement names.
    pub(super) id: String,
    /// `None`: a kind we have no use for.
    pub(super) kind: Option<Kind>,
    /// As over HTTP.
    pub(super) payload: Value,
    /// Whether the acknowledgement may carry an answer.
    pub(super) takes_answer: bool,
}

/// Reads a message.
pub(super) fn read(text: &str) -> Frame {
    let Ok(mut message) = serde_json::from_str::<Value>(text) else {
        return Frame::Useless("not JSON");
    };
    let word = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, id) = (word("type").to_owned(), word("envelope_id").to_owned());
    match (kind.as_str(), id.is_empty()) {
        ("hello", _) => Frame::Hello,
        ("disconnect", _) => Frame::Disconnect(match word("reason") {
            "too_many_websockets" => Ending::TooMany,
            "link_disabled" => Ending::Disabled,
            _ => Ending::Refresh,
        }),
        (_, true) => Frame::Useless("no envelope"),
        (kind, false) => Frame::Envelope(Envelope {
            id,
            kind: match kind {
                "slash_commands" => Some(Kind::Command),
                "interactive" => Some(Kind::Interaction),
                "events_api" => Some(Kind::Event),
                _ => None,
            },
            takes_answer: message.get("accepts_response_payload") == Some(&Value::Bool(true)),
            payload: message.get_mut("payload").map(Value::take).unwrap_or_default(),
        }),
    }
}

/// The acknowledgement of an envelope, with an answer if there is one.
pub(super) fn acknowledgement(id: &str, answer: Option<&Value>) -> String {
    match answer {
        None => json!({"envelope_id": id}),
        Some(answer) => json!({"envelope_id": id, "payload": answer}),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_slack_says_is_understood() {
        assert_eq!(read(r#"{"type":"hello","num_connections":1}"#), Frame::Hello);
        let ending =
            |reason: &str| read(&json!({"type": "disconnect", "reason": reason}).to_string());
        assert_eq!(ending("warning"), Frame::Disconnect(Ending::Refresh));
        assert_eq!(ending("refresh_requested"), Frame::Disconnect(Ending::Refresh));
        assert_eq!(ending("too_many_websockets"), Frame::Disconnect(Ending::TooMany));
        assert_eq!(ending("link_disabled"), Frame::Disconnect(Ending::Disabled));
        let envelope =
            json!({"type": "interactive", "envelope_id": "e", "payload": {"team": null}});
        let expected = Envelope {
            id: "e".to_owned(),
            kind: Some(Kind::Interaction),
            payload: json!({"team": null}),
            takes_answer: false,
        };
        assert_eq!(read(&envelope.to_string()), Frame::Envelope(expected));
        let unknown = read(r#"{"type":"surprise","envelope_id":"e"}"#);
        assert!(matches!(unknown, Frame::Envelope(Envelope { kind: None, .. })), "{unknown:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", kind in "hello|disconnect|interactive|x", id in ".*") {
            drop(read(&text));
            drop(read(&json!({"type": kind, "envelope_id": id, "payload": text}).to_string()));
        }
    }
}
