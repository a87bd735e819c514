//! A secret that dr-buddy itself uses, as it is kept in Secrets Manager.

use futures_util::FutureExt;
use secrecy::SecretString;

use super::{Aws, Failure, Purpose};
use crate::actions::LookError;
use crate::actions::params::unsafe_because;
use crate::domain::text::told;

/// The code that says that there is no such secret.
const ABSENT: &str = "ResourceNotFoundException";

impl Aws {
    /// The current text of a secret.
    pub(in crate::actions) async fn secret_text(
        &self,
        region: &str,
        secret: &str,
    ) -> Result<SecretString, LookError> {
        let client = self.secrets(region, Purpose::Look).await;
        let asked = client.get_secret_value().secret_id(secret).send().boxed().await;
        let none = || {
            let place = format!("secretsmanager in {region}");
            unsafe_because(told("trouble.not_kept", &[secret, &place]))
        };
        let answer = asked.map_err(|error| {
            let failure = Failure::of(&error);
            let is_absent = matches!(&failure, Failure::Refused { code, .. } if code == ABSENT);
            let system = || format!("secretsmanager in {region} ({secret})");
            if is_absent { none() } else { failure.look(system()) }
        })?;
        answer.secret_string.map(SecretString::from).ok_or_else(none)
    }
}
