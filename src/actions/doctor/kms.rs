//! Keys of KMS: without one, what it locked is lost, whichever region it was copied to.

use serde_json::json;

use super::tools::{Looks, Must, Row, Tools, said};
use super::{Look, Place};
use crate::actions::Permission;
use crate::actions::fence::arn_inside;

pub(super) const ALL: &[Row] = &[Row {
    name: "keys",
    look: |tools, place| Box::pin(keys(tools, place)),
    needs: &[Permission::Aws("kms:DescribeKey", &["arn:aws:kms:*:ACCOUNT_ID:key/*"])],
}];

/// D30: the keys that the environment names can be used.
async fn keys(tools: &Tools, place: Place<'_>) -> Looks {
    let mut looks = vec![];
    for arn in place.texts("/readiness/keys") {
        let region = arn_inside(place.environment, "kms", arn)?.region;
        let with = json!({"KeyId": arn});
        let found = tools.json("kms", "1.1", &region, "TrentService.DescribeKey", &with).await;
        let name = arn.rsplit('/').next().unwrap_or(arn);
        looks.push(match found {
            Ok(found) => Must::of(name)
                .be("KeyState", said(&found, "/KeyMetadata/KeyState"), "Enabled")
                .look(),
            Err(error) => Look::blind(name, &error),
        });
    }
    Ok(looks)
}
