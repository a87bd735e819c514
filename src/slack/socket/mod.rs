//! The other door: Socket Mode, where Slack is called from within and nothing need be reachable from outside.
//!
//! slack-morphism's listener loses envelopes (it waits for the handler before it reads on, dies of a handler's panic,
//! waits for ever in a handshake, and cuts the old socket before the new one is open), so this loop is ours. Several
//! sockets are open at any time; Slack gives each envelope to one of them. A socket that Slack wants replaced serves
//! until its successor has said hello, and a while longer. An envelope is acknowledged when what it asks is on the
//! record; whatever is not acknowledged comes again, and its key makes that harmless.

mod connection;
mod dial;
mod frame;
mod status;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::connection::{Connection, Over};
use self::dial::{DialError, dial};
use self::frame::Ending;
use super::client::SlackClientHandle;
use super::handle::{Inbound, Reply};
use super::payload::Kind;
use crate::domain::back_off::{BackOff, scattered};
use crate::domain::time::Span;
use crate::engine::supervise::Supervisor;

pub use self::status::Status;

/// What is done with an envelope.
pub type Handle = Arc<dyn Fn(Kind, Value) -> BoxFuture<'static, Reply> + Send + Sync>;

/// How long the parts of a socket's life may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Each part of opening: being told where, the handshake, the hello.
    pub dial: Duration,
    /// How often we ask whether it is still there.
    pub ping_every: Duration,
    /// How often in a row we ask without hearing anything before it counts as lost.
    pub unanswered: u32,
    /// How long a message may take to leave.
    pub send: Duration,
    /// How long a socket serves on beside its successor.
    pub linger: Duration,
    /// A socket that ends earlier than this is a failure, and the next is not opened at once.
    pub settled: Duration,
    /// First wait after a failure; it doubles.
    pub back_off: Span,
    /// Longest wait after failures, and the wait after a refusal that only people can mend.
    pub most: Span,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(5),
            ping_every: Duration::from_secs(5),
            unanswered: 4,
            send: Duration::from_secs(3),
            linger: Duration::from_secs(10),
            settled: Duration::from_secs(30),
            back_off: Span::seconds(1),
            most: Span::seconds(60),
        }
    }
}

/// What opens sockets.
pub struct Sockets {
    /// Whom to ask for an address.
    pub slack: Arc<SlackClientHandle>,
    /// With what: the app-level token.
    pub token: SecretString,
    /// How many to keep open.
    pub wanted: usize,
    /// The limits of time.
    pub patience: Patience,
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sockets({})", self.wanted)
    }
}

impl Sockets {
    /// Two sockets, as the product has them.
    pub fn new(slack: Arc<SlackClientHandle>, token: SecretString) -> Self {
        Self { slack, token, wanted: 2, patience: Patience::default() }
    }

    /// Opens the door: what comes in goes to `inbound`.
    pub fn open(self, inbound: Inbound, supervisor: &Supervisor) -> Arc<Status> {
        let handle: Handle = Arc::new(move |kind, payload| {
            let inbound = inbound.clone();
            Box::pin(async move { inbound.take(kind, &payload).await })
        });
        self.keep(&handle, supervisor)
    }

    /// Keeps the sockets open until the process ends.
    pub fn keep(self, handle: &Handle, supervisor: &Supervisor) -> Arc<Status> {
        let status = Arc::new(Status::new(self.wanted));
        let sockets = Arc::new(self);
        for number in 0..sockets.wanted {
            let slot = Slot {
                number,
                sockets: Arc::clone(&sockets),
                handle: Arc::clone(handle),
                status: Arc::clone(&status),
                supervisor: supervisor.clone(),
            };
            let slot = Arc::new(slot);
            supervisor.keep("socket", move || Arc::clone(&slot).work());
        }
        status
    }
}

/// Keeps one socket open.
struct Slot {
    number: usize,
    sockets: Arc<Sockets>,
    handle: Handle,
    status: Arc<Status>,
    supervisor: Supervisor,
}

impl Slot {
    async fn work(self: Arc<Self>) {
        let stop = self.supervisor.token().clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.stay_open() => {}
        }
    }

    async fn stay_open(&self) {
        let Sockets { patience, .. } = *self.sockets;
        if self.number > 0 {
            // One after another; but one that does not open keeps nobody waiting.
            drop(timeout(patience.dial, self.status.some_open()).await);
        }
        let mut back_off = BackOff::new(patience.back_off, patience.most);
        let mut retire: Option<CancellationToken> = None;
        loop {
            let dialled = dial(&self.sockets.slack, &self.sockets.token, patience.dial).await;
            let wait = match dialled {
                Ok(socket) => {
                    let (over, is_over) = oneshot::channel();
                    let successor = CancellationToken::new();
                    let connection = Connection {
                        socket,
                        handle: Arc::clone(&self.handle),
                        patience,
                        over,
                        retire: successor.clone(),
                        stop: self.supervisor.token().clone(),
                        open: self.status.count(),
                    };
                    self.supervisor.once(connection.run());
                    // The new one is open: only now may the old one go.
                    if let Some(old) = retire.replace(successor) {
                        old.cancel();
                    }
                    let since = Instant::now();
                    let over = is_over.await.unwrap_or(Over::Lost);
                    let has_settled = since.elapsed() >= patience.settled;
                    if has_settled {
                        back_off.worked();
                    }
                    match over {
                        Over::Announced(Ending::TooMany) => some_of(patience.most),
                        Over::Announced(Ending::Refresh | Ending::Disabled) | Over::Lost
                            if has_settled =>
                        {
                            Duration::ZERO
                        }
                        Over::Announced(Ending::Refresh | Ending::Disabled) | Over::Lost => {
                            some_of(back_off.failed())
                        }
                    }
                }
                Err(failure) => {
                    self.status.failed(&failure);
                    let wait = back_off.failed();
                    match failure {
                        DialError::Wait(wait) => wait,
                        DialError::Refused { .. } | DialError::TooMany => some_of(patience.most),
                        DialError::Passing(_) => some_of(wait),
                    }
                }
            };
            sleep(wait).await;
        }
    }
}

/// A wait that is not the same for all who wait.
fn some_of(wait: Span) -> Duration {
    Duration::from_millis(scattered(wait, uuid::Uuid::new_v4().as_u128()).ms())
}
