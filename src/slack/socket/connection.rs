//! One open socket, from its hello to its end.
//!
//! Reading never waits for handling: every envelope is handled in a task of its own, and acknowledged when the task
//! says that what it asked is on the record. A task that fails or panics leaves its envelope without an
//! acknowledgement, and nothing else: Slack sends it again. So it is with every envelope whose acknowledgement
//! could not be sent.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::dial::Socket;
use super::frame::{self, Ending, Envelope, Frame};
use super::status::Open;
use super::{Handle, Patience};
use crate::slack::handle::Reply;
use crate::slack::inbound::BODY;

/// Most envelopes in hand on one socket; more are left for Slack to send again.
const IN_HAND: usize = 200;

/// Why another socket is needed.
#[derive(Debug)]
pub(super) enum Over {
    /// Slack says it ends soon: it serves on until it is told to retire.
    Announced(Ending),
    /// It is gone.
    Lost,
}

/// A socket at work.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) handle: Handle,
    pub(super) patience: Patience,
    /// Told once that another socket is needed.
    pub(super) over: oneshot::Sender<Over>,
    /// Another socket has taken over.
    pub(super) retire: CancellationToken,
    /// The process ends.
    pub(super) stop: CancellationToken,
    pub(super) open: Open,
}

/// What a task leaves: the acknowledgement to send, if any.
type Tasks = JoinSet<Option<String>>;

impl Connection {
    /// Serves until the socket is gone or need not stay; then finishes what is in hand.
    pub(super) async fn run(self) {
        let Self { mut socket, handle, patience, over, retire, stop, open } = self;
        let mut over = Some(over);
        let mut tasks = Tasks::new();
        let why = {
            let mut serving = Serving {
                socket: &mut socket,
                handle: &handle,
                patience,
                tasks: &mut tasks,
                over: &mut over,
            };
            serving.serve(&retire, &stop).await
        };
        drop(open);
        let is_expected = over.is_none();
        if let Some(over) = over.take() {
            // Nobody waits for it while the process ends.
            drop(over.send(Over::Lost));
        }
        match why {
            Ok(()) => close(&mut socket, patience).await,
            Err(why) if is_expected => {
                info!(why, in_hand = tasks.len(), "A socket that Slack wanted replaced has ended");
                drop(socket);
            }
            Err(why) => {
                warn!(why, in_hand = tasks.len(), "A socket to Slack is lost");
                drop(socket);
            }
        }
        while let Some(task) = tasks.join_next().await {
            if acknowledgement(task).is_some() {
                info!("Could not acknowledge in time; Slack sends it again");
            }
        }
    }
}

struct Serving<'a> {
    socket: &'a mut Socket,
    handle: &'a Handle,
    patience: Patience,
    tasks: &'a mut Tasks,
    over: &'a mut Option<oneshot::Sender<Over>>,
}

impl Serving<'_> {
    /// `Ok` when it may be closed, else why it is lost.
    async fn serve(
        &mut self,
        retire: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<(), &'static str> {
        let mut tick = interval(self.patience.ping_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Counted, not timed: a machine that stood still for a while has not heard what lies waiting.
        let mut unanswered = 0;
        let mut retired_at: Option<Instant> = None;
        loop {
            if stop.is_cancelled() && self.tasks.is_empty() {
                return Ok(());
            }
            tokio::select! {
                message = self.socket.next() => {
                    unanswered = 0;
                    self.hear(message, stop.is_cancelled())?;
                }
                Some(task) = self.tasks.join_next() => {
                    if let Some(acknowledgement) = acknowledgement(task) {
                        self.send(Message::text(acknowledgement)).await?;
                    }
                }
                _ = tick.tick() => {
                    if unanswered >= self.patience.unanswered {
                        return Err("nothing was heard of it");
                    }
                    unanswered += 1;
                    let lingered = retired_at.is_some_and(|at| at.elapsed() > self.patience.linger);
                    if lingered && self.tasks.is_empty() {
                        return Ok(());
                    }
                    self.send(Message::Ping(b"dr-buddy".as_slice().into())).await?;
                }
                () = retire.cancelled(), if retired_at.is_none() => {
                    retired_at = Some(Instant::now());
                }
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, Error>>,
        is_ending: bool,
    ) -> Result<(), &'static str> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Err("Slack closed it"),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => {
                warn!(why = "not text", "Refused a message of a socket");
                return Ok(());
            }
            Some(Err(error)) => {
                warn!(error = %error, "A socket to Slack broke");
                return Err("it broke");
            }
        };
        if text.len() > BODY {
            warn!(why = "too long", length = text.len(), "Refused a message of a socket");
            return Ok(());
        }
        match frame::read(&text) {
            Frame::Hello => {}
            Frame::Disconnect(ending) => {
                info!(reason = ending.name(), "Slack wants another socket in place of this one");
                if let Some(over) = self.over.take() {
                    drop(over.send(Over::Announced(ending)));
                }
            }
            Frame::Useless(why) => warn!(why, "Refused a message of a socket"),
            // Not taken, so not acknowledged: Slack gives it to another socket, or to the next start.
            Frame::Envelope(_) if is_ending => {
                info!("Left an envelope to others: this process ends");
            }
            Frame::Envelope(_) if self.tasks.len() >= IN_HAND => {
                warn!("Left an envelope for Slack to send again: too many are in hand");
            }
            Frame::Envelope(envelope) => {
                self.tasks.spawn(answer(Arc::clone(self.handle), envelope));
            }
        }
        Ok(())
    }

    /// A peer that does not read must not keep us from hearing.
    async fn send(&mut self, message: Message) -> Result<(), &'static str> {
        match timeout(self.patience.send, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("it takes nothing"),
            Err(_) => Err("it reads nothing"),
        }
    }
}

/// Handles an envelope; the acknowledgement, if it deserves one.
async fn answer(handle: Handle, envelope: Envelope) -> Option<String> {
    let Envelope { id, kind, payload, takes_answer } = envelope;
    let Some(kind) = kind else {
        info!("Acknowledged an envelope of a kind we have no use for");
        return Some(frame::acknowledgement(&id, None));
    };
    match handle(kind, payload).await {
        Reply::Taken => Some(frame::acknowledgement(&id, None)),
        Reply::With(answer) => {
            if !takes_answer {
                warn!("Slack takes no answer to this envelope; the asker does not see it");
            }
            Some(frame::acknowledgement(&id, takes_answer.then_some(&answer)))
        }
        Reply::NotRecorded | Reply::Unreadable(_) => None,
    }
}

fn acknowledgement(task: Result<Option<String>, JoinError>) -> Option<String> {
    task.unwrap_or_else(|failure| {
        error!(panicked = failure.is_panic(), "An envelope was not handled; Slack sends it again");
        None
    })
}

/// Says goodbye and waits a moment for Slack's.
async fn close(socket: &mut Socket, patience: Patience) {
    let goodbye = async {
        if socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // If it does not come in time, the connection is dropped as it is.
    drop(timeout(patience.send, goodbye).await);
}
