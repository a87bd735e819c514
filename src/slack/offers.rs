//! The answers to an offer of alerts: the form that opens a run, or word that it is no incident.

use super::handle::{Inbound, Reply};
use super::sender::Sender;
use crate::desk::Answer;
use crate::domain::run::decide::may_start;
use crate::domain::text::Text;

impl Inbound {
    /// Does what a button of an offer asks. An incident is only asked about: people open the run with the form.
    pub(super) async fn offer(&self, sender: Sender, offer: u64, is_incident: bool) -> Reply {
        let by = self.actor(&sender);
        let refused = if !is_incident {
            match self.desk.dismiss(&by, offer).await {
                Ok(()) => return Reply::Taken,
                Err(answer) => answer,
            }
        } else if let Err(refusal) = may_start(&self.desk.environment, &by) {
            Answer::Refused(refusal.text())
        } else if self.opens_start(&sender, Some(offer)).await {
            return Reply::Taken;
        } else {
            Answer::Refused(Text::key("command.ask_failed"))
        };
        self.after_click(sender, &by, refused)
    }
}
