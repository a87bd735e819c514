//! How the sockets are: for the log and for `/readyz`.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::dial::DialError;

/// How the sockets are.
#[derive(Debug)]
pub struct Status {
    wanted: usize,
    open: AtomicUsize,
    trouble: Mutex<Option<String>>,
    opened: Notify,
}

impl Status {
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, open: 0.into(), trouble: Mutex::default(), opened: Notify::new() }
    }

    /// How many sockets are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Waits until one is open.
    pub(super) async fn some_open(&self) {
        let mut opened = std::pin::pin!(self.opened.notified());
        opened.as_mut().enable();
        if self.open() == 0 {
            opened.await;
        }
    }

    /// A socket is open, until what is returned is dropped.
    pub(super) fn count(self: &std::sync::Arc<Self>) -> Open {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        *self.trouble() = None;
        self.opened.notify_waiters();
        info!(open, "A socket to Slack is open");
        Open(std::sync::Arc::clone(self))
    }

    /// No socket could be opened. What only people can mend is an error, once; the rest is expected to pass.
    pub(super) fn failed(&self, failure: &DialError) {
        let text = failure.to_string();
        let is_new = self.trouble().replace(text.clone()).as_ref() != Some(&text);
        if is_new && matches!(failure, DialError::Refused { .. }) {
            error!(open = self.open(), "Slack does not let us in by Socket Mode: {text}");
        } else {
            warn!(open = self.open(), error = %text, "Could not open a socket to Slack");
        }
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket mode: {} of {} open", self.open().min(self.wanted), self.wanted)?;
        match &*self.trouble() {
            Some(trouble) => write!(f, "; {trouble}"),
            None => Ok(()),
        }
    }
}

/// Counts an open socket for as long as it lives.
#[derive(Debug)]
pub(super) struct Open(std::sync::Arc<Status>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
