//! The figures over all runs, read from their records when they are asked for: nothing is kept beside, so nothing can
//! differ from what is on the record.

use super::Desk;
use crate::domain::ids::EnvironmentId;
use crate::domain::report::outcome::Outcome;
use crate::domain::report::stats::Stats;
use crate::store::StoreError;

/// The newest runs that count: decades of disasters, and still read in seconds.
const COUNTED: u32 = 1000;

impl Desk {
    /// The figures of this environment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stats(&self, environment: &EnvironmentId) -> Result<Stats, StoreError> {
        let mut outcomes = Vec::new();
        for run in self.engine.store.runs(COUNTED).await? {
            let record = self.engine.store.record(&run.id, 0, u32::MAX).await?;
            outcomes.extend(Outcome::of(&record));
        }
        let now = self.engine.clock.now();
        Ok(Stats::of(environment, &outcomes, self.catalog.runbooks.values(), now))
    }
}
