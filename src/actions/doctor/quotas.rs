//! Room: what AWS lets the account have where it would have to grow.

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, number, said};
use super::{Look, Place};
use crate::actions::Permission;
use crate::actions::aws::ANYTHING;

pub(super) const ALL: &[Row] = &[Row {
    name: "quotas",
    look: |tools, place| Box::pin(quotas(tools, place)),
    needs: &[Permission::Aws("servicequotas:GetServiceQuota", ANYTHING)],
}];

/// D24: at full size a fifth is left.
async fn quotas(tools: &Tools, place: Place<'_>) -> Looks {
    let mut looks = vec![];
    for (name, quota) in place.parts("/readiness/quotas") {
        let of = |key: &str| quota.get(key).and_then(Value::as_str).unwrap_or_default();
        let need = quota.get("need").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
        let with = json!({"ServiceCode": of("service"), "QuotaCode": of("code")});
        let region = &place.environment.regions.dr;
        let target = "ServiceQuotasV20190624.GetServiceQuota";
        looks.push(match tools.json("servicequotas", "1.1", region, target, &with).await {
            Ok(found) => {
                let wanted = need * 1.2;
                let has = number(&found, "/Quota/Value");
                let holds = has.is_some_and(|has| has >= wanted);
                let is = said(&found, "/Quota/Value");
                Must::of(name).hold(of("code"), is, &format!("≥ {wanted:.0}"), holds).look()
            }
            Err(error) => Look::blind(name, &error),
        });
    }
    Ok(looks)
}
