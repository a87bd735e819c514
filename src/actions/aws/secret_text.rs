//! A secret that dr-buddy itself uses, as it is kept in Secrets Manager.

use secrecy::SecretString;

use super::{Aws, Failure, Purpose};
use crate::actions::LookError;
use crate::actions::params::unsafe_because;
use crate::domain::text::told;

impl Aws {
    /// The current text of a secret.
    pub(in crate::actions) async fn secret_text(
        &self,
        region: &str,
        secret: &str,
    ) -> Result<SecretString, LookError> {
        let client = self.secrets(region, Purpose::Look).await;
        let asked = Box::pin(client.get_secret_value().secret_id(secret).send()).await;
        let system = || format!("secretsmanager in {region}");
        let answer = asked.map_err(|error| Failure::of(&error).look(system()))?;
        let text = answer.secret_string.map(SecretString::from);
        text.ok_or_else(|| unsafe_because(told("trouble.no_file", &[secret])))
    }
}
