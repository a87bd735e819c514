//! SNS, as far as anybody here can play it: its host with a certificate of a test's authority, its signatures made by
//! `openssl` over the text that its documentation prescribes. SNS itself has not judged this.

#![expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use aws_smithy_types::base64;
use axum::extract::Request;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::stage::Stage;
use super::script;
use crate::harness::{crypto, debian};

const HOST: &str = "sns.eu-west-1.amazonaws.com";
const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:dr-alarms";

struct Sns {
    folder: tempfile::TempDir,
    port: u16,
    /// What it was asked, by path and query.
    asked: Arc<Mutex<Vec<String>>>,
}

fn openssl(folder: &Path, args: &[&str]) -> Vec<u8> {
    let ran = Command::new(debian("openssl")).current_dir(folder).args(args).output();
    let ran = ran.expect("openssl runs");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

impl Sns {
    async fn start() -> Self {
        crypto();
        let folder = tempfile::tempdir().expect("a folder");
        for (name, subject) in [("signer", "/CN=sns.amazonaws.com"), ("other", "/CN=other.example")]
        {
            let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
            let subject = ["-days", "2", "-subj", subject, "-keyout", &key, "-out", &pem];
            let args = [&["req", "-x509", "-newkey", "rsa:2048", "-nodes"][..], &subject].concat();
            openssl(folder.path(), &args);
        }
        let params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), made.pem()).expect("it can be written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.der().clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (all, place) = (Arc::clone(&asked), folder.path().to_owned());
        let router = axum::Router::new().fallback(move |request: Request| {
            let uri = request.uri().to_string();
            all.lock().expect("nobody panics").push(uri.clone());
            let file = place.join(uri.trim_start_matches('/'));
            std::future::ready(std::fs::read_to_string(file).unwrap_or_else(|_| "<ok/>".to_owned()))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("it listens");
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let service = hyper_util::service::TowerToHyperService::new(router);
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let http = hyper::server::conn::http1::Builder::new();
                    drop(http.serve_connection(io, service).await);
                });
            }
        });
        Self { folder, port, asked }
    }

    /// A message of SNS, signed by one of the two.
    fn message(
        &self,
        kind: &str,
        topic: &str,
        more: &Value,
        (version, signer): (&str, &str),
    ) -> Value {
        let mut message = json!({
            "Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic,
            "Timestamp": jiff::Timestamp::now().to_string(), "SignatureVersion": version,
            "SigningCertURL": format!("https://{HOST}/{signer}.pem"),
        });
        for (name, value) in more.as_object().expect("an object") {
            message[name] = value.clone();
        }
        let names: &[&str] = if kind == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let text: String = names
            .iter()
            .filter_map(|name| Some(format!("{name}\n{}\n", message[*name].as_str()?)))
            .collect();
        std::fs::write(self.folder.path().join("text"), text).expect("it can be written");
        let hash = if version == "1" { "-sha1" } else { "-sha256" };
        let key = format!("{signer}.key");
        let signature = openssl(self.folder.path(), &["dgst", hash, "-sign", &key, "text"]);
        message["Signature"] = base64::encode(signature).into();
        message
    }

    fn alarm(&self, state: &str, at: &str, by: (&str, &str)) -> Value {
        let alarm = json!({
            "AlarmName": "aurora-replication-lag", "AlarmDescription": null, "AWSAccountId": "000000000000",
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:aurora-replication-lag",
            "NewStateValue": state, "NewStateReason": "Threshold Crossed: 3 datapoints", "StateChangeTime": at,
            "Region": "EU (Ireland)", "OldStateValue": "OK", "Trigger": { "MetricName": "AuroraGlobalDBReplicationLag" },
        });
        let more =
            json!({ "Subject": "ALARM: \"aurora-replication-lag\"", "Message": alarm.to_string() });
        self.message("Notification", TOPIC, &more, by)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }
}

fn subscription(topic: &str, host: &str) -> Value {
    let url =
        format!("https://{host}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37");
    json!({ "Message": "You have chosen to subscribe", "Token": "2336412f37", "SubscribeURL": url })
}

#[tokio::test]
async fn an_alarm_through_sns_is_offered_and_only_our_topics_are_confirmed() {
    let sns = Sns::start().await;
    let mut script = script();
    script.alerts = "alerts: {topics: ['arn:aws:sns:eu-west-1:000000000000:dr-alarms']}\n";
    script.more.extend([
        ("DR_BUDDY_FAULTS_SNS", format!("{HOST}=127.0.0.1:{}", sns.port)),
        ("DR_BUDDY_EXTRA_CA", sns.folder.path().join("ca.pem").display().to_string()),
    ]);
    let stage = Stage::open(script).await;
    let send =
        async |message: &Value| stage.hook("sns", vec![], message.to_string().as_bytes()).await;
    let ours = ("2", "signer");

    // Nobody is asked anything because of a topic that is not ours, or of a message that is not SNS's.
    let other = "arn:aws:sns:eu-west-1:000000000000:other";
    let kind = "SubscriptionConfirmation";
    assert_eq!(send(&sns.message(kind, other, &subscription(other, HOST), ours)).await.0, 403);
    let mut elsewhere = sns.message(kind, TOPIC, &subscription(TOPIC, HOST), ours);
    elsewhere["SigningCertURL"] =
        "https://sns.eu-west-1.amazonaws.com.evil.example/signer.pem".into();
    assert_eq!(send(&elsewhere).await.0, 401);
    assert_eq!(sns.asked(), [""; 0]);
    let evil = sns.message(kind, TOPIC, &subscription(TOPIC, "evil.example"), ours);
    assert_eq!(send(&evil).await.0, 401, "signed, and leads elsewhere");
    assert_eq!(sns.asked(), ["/signer.pem"]);

    let confirm = sns.message(kind, TOPIC, &subscription(TOPIC, HOST), ours);
    assert_eq!(send(&confirm).await.0, 200);
    let asked = sns.asked();
    assert!(asked.len() == 2 && asked[1].contains("Action=ConfirmSubscription"), "{asked:?}");

    let at = "2026-11-20T14:02:11.123+0000";
    let good = sns.alarm("ALARM", at, ours);
    let mut changed = good.clone();
    changed["Message"] = json!(good["Message"].as_str().expect("a text").replace("lag", "log"));
    let mut old = good.clone();
    old["Timestamp"] = "2026-01-01T00:00:00.000Z".into();
    let stranger = sns.alarm("ALARM", at, ("2", "other"));
    let mut unknown = good.clone();
    unknown["SignatureVersion"] = "3".into();
    for forged in [&changed, &old, &stranger, &unknown] {
        let answer = send(forged).await;
        assert!(answer.0 == 401 && answer.1.contains("not proven to be from SNS"), "{answer:?}");
    }
    assert_eq!(stage.hook("sns", vec![], b"<html>").await.0, 400);
    assert_eq!(send(&json!({ "NewStateValue": "ALARM" })).await.0, 400, "raw delivery");
    assert_eq!(stage.board().await.seq, 0, "nothing is on the record");

    assert_eq!(send(&good).await, (200, "recorded: 1\n".to_owned()));
    assert_eq!(send(&sns.alarm("ALARM", at, ("1", "signer"))).await.0, 200, "SHA-1 too, and again");
    assert_eq!(stage.board().await.seq, 1);
    let offer = stage.offer_reads("aurora-replication-lag").await;
    assert!(offer.to_string().contains("14:02:11 UTC"), "when it changed: {offer:#}");
    assert_eq!(send(&sns.alarm("OK", "2026-11-20T14:09:00.000+0000", ours)).await.0, 200);
    stage.offer_reads("All of it is over").await;
    let pems = sns.asked().iter().filter(|path| path.ends_with("signer.pem")).count();
    assert_eq!(pems, 1, "the certificate is kept");
}
