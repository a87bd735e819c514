//! What IAM says of calls that are not made: `iam:SimulatePrincipalPolicy`.
//!
//! It knows the policies of the caller, the boundary and the organization. Policies of the things themselves, of keys and
//! of VPC endpoints it does not know.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::wire::Ask;
use super::{Aws, Purpose, ROUTE53_REGION};
use crate::actions::LookError;

/// As errors name it.
const SYSTEM: &str = "iam";

/// Calls on one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::actions) struct Question {
    /// The thing, as an ARN. One a question: with several each call is held against each of them.
    pub(in crate::actions) on: String,
    /// What conditions of policies are held against: keys and values.
    pub(in crate::actions) context: Vec<(&'static str, Vec<String>)>,
}

/// What IAM says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actions) enum Decision {
    /// It may be made.
    Allowed,
    /// No statement allows it.
    Implicit,
    /// A statement denies it.
    Explicit,
    /// The permissions boundary does not hold it.
    Boundary,
    /// The organization does not let it through.
    Organization,
}

/// The ARN whose policies count: for a session, that of its role. STS leaves the role's path out, so that a role with a
/// path must be `named`.
pub(in crate::actions) fn principal(caller: &str, named: Option<&str>) -> String {
    let parts: Vec<&str> = caller.split(':').collect();
    let [arn, partition, "sts", region, account, resource] = parts.as_slice() else {
        return caller.to_owned();
    };
    let mut session = resource.split('/');
    let (Some("assumed-role"), Some(role)) = (session.next(), session.next()) else {
        return caller.to_owned();
    };
    let same = |arn: &&str| arn.ends_with(&format!("/{role}"));
    let own = || format!("{arn}:{partition}:iam:{region}:{account}:role/{role}");
    named.filter(same).map_or_else(own, ToOwned::to_owned)
}

/// Why IAM cannot be asked about this caller: the account's root user has no policies, and may everything.
pub(in crate::actions) fn unbound(caller: &str) -> Option<LookError> {
    caller.ends_with(":root").then(|| LookError::Refused {
        system: SYSTEM.into(),
        detail: "these are credentials of the account's root user, whom no policy limits: give dr-buddy a role"
            .into(),
    })
}

impl Aws {
    /// What IAM says of these calls of `principal`; a call it says nothing of is not in the answer.
    pub(in crate::actions) async fn simulate(
        &self,
        principal: &str,
        question: &Question,
        calls: &[&str],
    ) -> Result<BTreeMap<String, Decision>, LookError> {
        let with = form(principal, question, calls);
        let ask = Ask::form("iam", "2010-05-08", ROUTE53_REGION, "SimulatePrincipalPolicy", &with)
            .at("iam".into());
        let answer = self.ask(Purpose::Look, &ask).await;
        let answer = answer.map_err(|failure| failure.look(SYSTEM.into()))?;
        decisions(&answer.body).ok_or_else(|| LookError::Refused {
            system: SYSTEM.into(),
            detail: "an answer that cannot be read".into(),
        })
    }
}

fn form(principal: &str, question: &Question, calls: &[&str]) -> Vec<(String, String)> {
    let mut form = vec![
        ("PolicySourceArn".to_owned(), principal.to_owned()),
        ("ResourceArns.member.1".to_owned(), question.on.clone()),
        // The most there may be: one page.
        ("MaxItems".to_owned(), "1000".to_owned()),
    ];
    for (number, call) in calls.iter().enumerate() {
        form.push((format!("ActionNames.member.{}", number + 1), (*call).to_owned()));
    }
    for (number, (key, values)) in question.context.iter().enumerate() {
        let entry = format!("ContextEntries.member.{}", number + 1);
        form.push((format!("{entry}.ContextKeyName"), (*key).to_owned()));
        form.push((format!("{entry}.ContextKeyType"), "stringList".to_owned()));
        for (number, value) in values.iter().enumerate() {
            form.push((format!("{entry}.ContextKeyValues.member.{}", number + 1), value.clone()));
        }
    }
    form
}

fn decisions(xml: &str) -> Option<BTreeMap<String, Decision>> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let text = |node: Node<'_, '_>, name: &str| {
        let found = node.descendants().find(|one| one.tag_name().name() == name)?;
        found.text().map(ToOwned::to_owned)
    };
    let results =
        document.descendants().find(|node| node.tag_name().name() == "EvaluationResults")?;
    let decision = |result: Node<'_, '_>| {
        let call = text(result, "EvalActionName")?;
        let is_not = |name: &str| text(result, name).as_deref() == Some("false");
        let decision = match text(result, "EvalDecision")?.as_str() {
            "allowed" => Decision::Allowed,
            _ if is_not("AllowedByOrganizations") => Decision::Organization,
            _ if is_not("AllowedByPermissionsBoundary") => Decision::Boundary,
            "explicitDeny" => Decision::Explicit,
            _ => Decision::Implicit,
        };
        Some((call, decision))
    };
    let members = results.children().filter(|node| node.tag_name().name() == "member");
    Some(members.filter_map(decision).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_session_the_policies_of_its_role_count() {
        let session = "arn:aws:sts::111111111111:assumed-role/dr-buddy/i-0";
        assert_eq!(principal(session, None), "arn:aws:iam::111111111111:role/dr-buddy");
        let named = "arn:aws:iam::111111111111:role/tools/dr-buddy";
        assert_eq!(principal(session, Some(named)), named);
        let other = "arn:aws:iam::111111111111:role/tools/other";
        assert_eq!(principal(session, Some(other)), "arn:aws:iam::111111111111:role/dr-buddy");
        let user = "arn:aws:iam::111111111111:user/mia";
        assert_eq!(principal(user, Some(named)), user);
    }

    #[test]
    fn what_denies_is_told_apart() {
        let result = |call: &str, decision: &str, more: &str| {
            format!(
                "<member><EvalActionName>{call}</EvalActionName><EvalResourceName>*</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision>{more}</member>"
            )
        };
        let organization = "<OrganizationsDecisionDetail><AllowedByOrganizations>false\
            </AllowedByOrganizations></OrganizationsDecisionDetail>";
        let boundary = "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>false\
            </AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>";
        let all = [
            result("a:A", "allowed", &organization.replace("false", "true")),
            result("a:B", "implicitDeny", "<MatchedStatements><member/></MatchedStatements>"),
            result("a:C", "explicitDeny", ""),
            result("a:D", "implicitDeny", boundary),
            result("a:E", "explicitDeny", organization),
            result("a:F", "somethingNew", ""),
        ];
        let xml = format!(
            "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><EvaluationResults>{}</EvaluationResults>\
             </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>",
            all.concat()
        );
        let found: Vec<Decision> = decisions(&xml).unwrap().into_values().collect();
        use Decision::{Allowed, Boundary, Explicit, Implicit, Organization};
        assert_eq!(found, [Allowed, Implicit, Explicit, Boundary, Organization, Implicit]);
        assert_eq!(decisions("<html/>"), None);
    }

    #[test]
    fn conditions_are_asked_with_what_would_be_sent() {
        let context = vec![("route53:Key", vec!["UPSERT".to_owned(), "A".to_owned()])];
        let question = Question { on: "arn:aws:route53:::hostedzone/Z1".into(), context };
        let form = form("arn:aws:iam::1:role/r", &question, &["route53:ChangeResourceRecordSets"]);
        let told: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            told,
            [
                "PolicySourceArn=arn:aws:iam::1:role/r",
                "ResourceArns.member.1=arn:aws:route53:::hostedzone/Z1",
                "MaxItems=1000",
                "ActionNames.member.1=route53:ChangeResourceRecordSets",
                "ContextEntries.member.1.ContextKeyName=route53:Key",
                "ContextEntries.member.1.ContextKeyType=stringList",
                "ContextEntries.member.1.ContextKeyValues.member.1=UPSERT",
                "ContextEntries.member.1.ContextKeyValues.member.2=A",
            ]
        );
    }
}
