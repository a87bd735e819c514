//! What a press does: at once, or after a form asked for what it lacks.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::Web;
use super::asking::{input, show_form};
use super::guest::{Fields, by, field, key, own, see};
use crate::desk::Answer;
use crate::domain::code::Typed;
use crate::domain::comms::{Press, Written};
use crate::domain::text::Text;
use crate::slack::render;

pub(super) async fn act(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    body: Bytes,
) -> Response {
    let (guest, fields) = match web.sent(&headers, &body).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let press = Press::parse(field(&fields, "action"), field(&fields, "value"));
    match press {
        Ok(press) if press.run.as_str() == run && !press.ask.wants_words() => {
            let answer = web.desk.press(&key(), &by(&guest), &press, &Written::default()).await;
            if matches!(answer, Answer::CodeAsked(_)) {
                return match web.run(&guest, &run).await {
                    Ok(run) => show_form(&web, &guest, &run, Some(&press), None).await,
                    Err(response) => *response,
                };
            }
            web.answered(&guest, &format!("/runs/{run}"), &answer)
        }
        Ok(_) | Err(_) => {
            web.refuse(&guest, own(&format!("/runs/{run}")), &Text::key("refused.not_ours"))
        }
    }
}

pub(super) async fn ask(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    let guest = match web.guest(&headers).await {
        Ok(guest) => guest,
        Err(response) => return *response,
    };
    let run = match web.run(&guest, &run).await {
        Ok(run) => run,
        Err(response) => return *response,
    };
    let press = Press::parse(field(&query, "action"), field(&query, "value"));
    show_form(&web, &guest, &run, press.ok().as_ref(), None).await
}

pub(super) async fn submit(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(run): Path<String>,
    body: Bytes,
) -> Response {
    let (guest, fields) = match web.sent(&headers, &body).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let run = match web.run(&guest, &run).await {
        Ok(run) => run,
        Err(response) => return *response,
    };
    let code = fields.iter().find(|(name, _)| *name == input(render::CODE));
    let written = Written {
        words: field(&fields, &input(render::WORDS)).to_owned(),
        code: code.map(|(_, code)| Typed::new(code)),
    };
    let press = Press::parse(field(&fields, "callback_id"), field(&fields, "private_metadata"));
    match press {
        Ok(press) if press.run == run.id => {
            let answer = web.desk.press(&key(), &by(&guest), &press, &written).await;
            match &answer {
                Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_) => {
                    let refused = Some((&written, &answer));
                    show_form(&web, &guest, &run, Some(&press), refused).await
                }
                Answer::Done { .. } => see(&format!("/runs/{}", run.id)),
            }
        }
        Ok(_) | Err(_) => show_form(&web, &guest, &run, None, None).await,
    }
}
