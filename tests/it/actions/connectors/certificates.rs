//! Who cannot prove to be who it says is sent nothing: no request, and above all no secret.

use dr_buddy::actions::{LookError, Outcome};
use serde_json::json;

use super::{SECRET, settings, step_with, written};
use crate::actions::{is_accepted, is_failed};
use crate::harness::{Shown, Tls};

const OWN: &str = r#"
id: tickets
url: "${tickets.api}"
auth: {bearer: {secret: tickets}}
operations:
  read:
    about: Read
    danger: reads
    method: GET
    path: /ticket
    facts: {state: {from: body.state, example: open}}
  close:
    about: Close
    danger: changes
    repeat: names_state
    method: POST
    path: /ticket
    body: {key: secret, text: to be closed}
    body_secrets: {/key: tickets}
    probe: {operation: read, done: "body.state == 'closed'"}
"#;

#[tokio::test]
async fn a_bad_certificate_is_named_and_nothing_is_sent_there() {
    let server = Tls::start(r#"{"state":"open"}"#).await;
    let connector = written(OWN);
    let mut http = settings(&connector, &server.base, SECRET);
    http.extra_ca = Some(server.ca.path().to_owned());
    let mut close = step_with(&connector, "close", &server.base, json!({}), http);
    let preview = close.preview().await;
    let looked = server.arrived();
    assert!(looked.contains(SECRET), "the one that is good was given the secret: {looked}");
    for (shown, why) in [
        (Shown::Expired, "told.certificate_expired"),
        (Shown::OtherHost, "told.certificate_other"),
        (Shown::Stranger, "told.certificate_stranger"),
    ] {
        server.show(shown);
        let error = close.action.preview(&close.call()).await.unwrap_err();
        let outcome = close.run(&preview).await;
        assert!(is_failed(&outcome), "{shown:?}: {outcome:?}");
        let Outcome::Failed { error: LookError::Unreachable { detail, .. } } = &outcome else {
            panic!("{shown:?}: {outcome:?}");
        };
        assert!(detail.starts_with(why), "{shown:?}: {detail}");
        assert!(error.said().contains(why), "{shown:?}: {error:?}");
        let all = format!("{outcome:?} {error:?} {:?}", close.probe(&preview).await);
        assert!(!all.contains(SECRET), "{all}");
        assert_eq!(server.arrived(), looked, "{shown:?}: nothing more has arrived");
    }
    server.show(Shown::Good);
    assert!(is_accepted(&close.run(&preview).await));
    assert!(server.arrived().contains("to be closed"));
}
