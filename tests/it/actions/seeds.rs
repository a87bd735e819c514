//! What the emulators hold before an action is tried.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ROOT, http, now_s, sdk_config};

/// A bucket with a policy and a replication rule.
pub(crate) const BUCKET: &str = "shop-images";

/// Ids that moto gave.
pub(crate) struct Seeds {
    /// A security group that opens 5432 to a group and to a network, and 443.
    pub(crate) group: String,
    /// A template with a stop condition.
    pub(crate) template: String,
}

/// A call, signed by the account itself.
pub(crate) async fn ask(
    endpoint: &str,
    service: &str,
    region: &str,
    method: Method,
    path: &str,
    body: String,
) -> String {
    send(endpoint, (service, region), method, path, body, None).await
}

/// The same of a service that takes JSON and has the call's name in a header.
pub(super) async fn call_target(
    endpoint: &str,
    service: &str,
    region: &str,
    action: &str,
    with: &Value,
) -> String {
    let target = format!("{service}.{action}");
    let body = with.to_string();
    send(endpoint, (service, region), Method::POST, "/", body, Some(&target)).await
}

async fn send(
    endpoint: &str,
    of: (&str, &str),
    method: Method,
    path: &str,
    body: String,
    target: Option<&str>,
) -> String {
    let kind = match body.chars().next() {
        Some('{') => "application/json",
        Some('<') => "application/xml",
        // A question; moto would look for one in a form.
        None if method == Method::GET => "application/json",
        Some(_) | None => "application/x-www-form-urlencoded",
    };
    let url = format!("{endpoint}{path}");
    let signed = signature(of, &method, &url, &body);
    let mut sent = http().request(method, url).header("content-type", kind);
    if let Some(target) = target {
        sent = sent.header("x-amz-target", target);
    }
    for (name, value) in signed {
        sent = sent.header(name, value);
    }
    let answer = sent.body(body).send().await.expect("the emulator answers");
    let status = answer.status();
    let text = answer.text().await.expect("whole");
    assert!(status.is_success(), "{path}: {status} {text}");
    text
}

/// A call of the query protocol.
pub(crate) async fn form(endpoint: &str, service: &str, region: &str, body: String) -> String {
    ask(endpoint, service, region, Method::POST, "/", body).await
}

/// A load balancer of moto with target groups, each of so many targets. Gives its ARN.
pub(super) async fn load_balancer(endpoint: &str, groups: &[(&str, u8)]) -> String {
    let ec2 = |action: &'static str| async move {
        form(endpoint, "ec2", "us-east-1", format!("Version=2016-11-15&Action={action}")).await
    };
    let elb = |with: String| async move {
        let body = format!("Version=2015-12-01&Action={with}");
        form(endpoint, "elasticloadbalancing", "us-east-1", body).await
    };
    let network = between(&ec2("DescribeVpcs").await, "<vpcId>", "</vpcId>");
    let subnets = ec2("DescribeSubnets").await;
    let subnets: Vec<&str> = subnets.split("<subnetId>").skip(1).take(2).collect();
    let subnets: Vec<&str> = subnets.iter().filter_map(|one| one.split('<').next()).collect();
    let (first, second) = (subnets[0], subnets[1]);
    let made = elb(format!(
        "CreateLoadBalancer&Name=shop&Subnets.member.1={first}&Subnets.member.2={second}"
    ));
    let arn = between(&made.await, "<LoadBalancerArn>", "</LoadBalancerArn>");
    for (n, (name, targets)) in groups.iter().enumerate() {
        let with = format!("&Protocol=HTTP&Port=80&VpcId={network}&TargetType=ip");
        let made = elb(format!("CreateTargetGroup&Name={name}{with}")).await;
        let group = between(&made, "<TargetGroupArn>", "</TargetGroupArn>");
        elb(format!(
            "CreateListener&LoadBalancerArn={arn}&Protocol=HTTP&Port={}\
             &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}",
            8000 + n
        ))
        .await;
        for target in 1..=*targets {
            let with = format!("&Targets.member.1.Id=10.0.{n}.{target}&Targets.member.1.Port=80");
            elb(format!("RegisterTargets&TargetGroupArn={group}{with}")).await;
        }
    }
    arn
}

/// The question for the rules of a security group.
pub(super) fn rules_of(group: &str) -> String {
    format!(
        "Action=DescribeSecurityGroupRules&Version=2016-11-15&Filter.1.Name=group-id&Filter.1.Value.1={group}"
    )
}

fn signature(
    (service, region): (&str, &str),
    method: &Method,
    url: &str,
    body: &str,
) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = Credentials::new(ROOT.0, ROOT.1, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_secs(now_s()))
        .settings(settings)
        .build()
        .expect("all is there")
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method.as_str(), url, std::iter::empty(), body);
    let signed = sign(request.expect("a request"), &params).expect("it can be signed");
    let (headers, _) = signed.into_parts().0.into_parts();
    headers.into_iter().map(|one| (one.name().to_owned(), one.value().to_owned())).collect()
}

/// Buckets and an alarm.
pub(crate) async fn of_ministack(endpoint: &str) {
    let s3 = |region: &'static str, path: String, body: String| async move {
        ask(endpoint, "s3", region, Method::PUT, &path, body).await
    };
    let there = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    s3("eu-west-1", format!("/{BUCKET}"), there.into()).await;
    for bucket in ["shop-images-us", "shop-latch"] {
        s3("us-east-1", format!("/{bucket}"), String::new()).await;
    }
    for (region, bucket) in [("eu-west-1", BUCKET), ("us-east-1", "shop-images-us")] {
        let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        s3(region, format!("/{bucket}?versioning"), on.into()).await;
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "readers", "Effect": "Allow", "Action": "s3:GetObject",
        "Principal": {"AWS": "arn:aws:iam::000000000000:role/reader"},
        "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
    }]});
    s3("eu-west-1", format!("/{BUCKET}?policy"), policy.to_string()).await;
    let rule = |id: &str, priority: u32, prefix: &str| {
        format!(
            "<Rule><ID>{id}</ID><Priority>{priority}</Priority><Status>Enabled</Status>\
             <Filter><Prefix>{prefix}</Prefix></Filter>\
             <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>\
             <Destination><Bucket>arn:aws:s3:::shop-images-us</Bucket></Destination></Rule>"
        )
    };
    let rules = format!(
        "<ReplicationConfiguration><Role>arn:aws:iam::000000000000:role/replication</Role>{}{}\
         </ReplicationConfiguration>",
        rule("to-us", 1, "images/"),
        rule("logs", 2, "logs/")
    );
    s3("eu-west-1", format!("/{BUCKET}?replication"), rules).await;
    let alarm = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=shop-drill&Namespace=Shop&MetricName=Lag\
        &Statistic=Maximum&Period=60&EvaluationPeriods=1&Threshold=1&ComparisonOperator=GreaterThanThreshold\
        &ActionsEnabled=true&AlarmActions.member.1=arn:aws:sns:us-east-1:000000000000:drill";
    ask(endpoint, "monitoring", "us-east-1", Method::POST, "/", alarm.into()).await;
}

/// A cluster and its replica, nodes, a security group, an experiment template that does not end by itself.
pub(crate) async fn of_moto(endpoint: &str) -> Seeds {
    replica(endpoint).await;
    let eks = |path: &'static str, body: Value| async move {
        ask(endpoint, "eks", "us-east-1", Method::POST, path, body.to_string()).await
    };
    let role = "arn:aws:iam::123456789012:role/eks";
    let cluster =
        json!({"name": "shop-us", "roleArn": role, "resourcesVpcConfig": {"subnetIds": []}});
    eks("/clusters", cluster).await;
    let group = json!({
        "nodegroupName": "general", "nodeRole": role, "subnets": ["subnet-1"],
        "scalingConfig": {"minSize": 2, "desiredSize": 3, "maxSize": 20},
    });
    eks("/clusters/shop-us/node-groups", group).await;
    let ec2 = |with: String| async move {
        let body = format!("Version=2016-11-15&{with}");
        ask(endpoint, "ec2", "eu-west-1", Method::POST, "/", body).await
    };
    let made = ec2("Action=CreateSecurityGroup&GroupName=db&GroupDescription=db".into()).await;
    let group = between(&made, "<groupId>", "</groupId>");
    for (port, source) in [
        (5432, "IpRanges.1.CidrIp=10.0.0.0/16&IpPermissions.1.IpRanges.1.Description=apps"),
        (5432, "Ipv6Ranges.1.CidrIpv6=fd00::/8"),
        (443, "IpRanges.1.CidrIp=10.0.0.0/8"),
    ] {
        ec2(format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp\
             &IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}&IpPermissions.1.{source}"
        ))
        .await;
    }
    let slowly = json!({"model_name": "fis::experiment", "transition": {"progression": "manual", "times": 5}});
    ask(
        endpoint,
        "moto",
        "us-east-1",
        Method::POST,
        "/moto-api/state-manager/set-transition",
        slowly.to_string(),
    )
    .await;
    let template = json!({
        "clientToken": "seed", "description": "cpu", "roleArn": role, "targets": {},
        "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:slo"}],
        "actions": {"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}},
    });
    let made = ask(
        endpoint,
        "fis",
        "us-east-1",
        Method::POST,
        "/experimentTemplates",
        template.to_string(),
    )
    .await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let template = made["experimentTemplate"]["id"].as_str().expect("an id").to_owned();
    Seeds { group, template }
}

pub(crate) fn between(text: &str, from: &str, to: &str) -> String {
    let rest = text.split_once(from).expect("it is there").1;
    rest.split_once(to).expect("it ends").0.to_owned()
}

/// A record that is no alias, so that it has a TTL.
pub(crate) fn www() -> ResourceRecordSet {
    let address = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
    let record = ResourceRecordSet::builder().name("www.shop.test.").r#type(RrType::A).ttl(300);
    record.resource_records(address).build().unwrap()
}

/// A cluster in eu-west-1 and its replica in us-east-1.
async fn replica(endpoint: &str) {
    for (region, name, source) in [
        ("eu-west-1", "orders-eu", None),
        ("us-east-1", "orders-us", Some("arn:aws:rds:eu-west-1:123456789012:cluster:orders-eu")),
    ] {
        let config = sdk_config(endpoint, region).await;
        let create = aws_sdk_rds::Client::new(&config)
            .create_db_cluster()
            .db_cluster_identifier(name)
            .engine("aurora-postgresql")
            .master_username("shop")
            .master_user_password("s3cr3t-s3cr3t")
            .set_replication_source_identifier(source.map(ToOwned::to_owned));
        create.send().await.expect("a cluster");
    }
}
