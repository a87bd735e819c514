//! Signed requests to the services whose SDK crates cost more to build than the few calls we make there: S3's documents
//! (which must come back byte for byte), EC2, EKS, load balancers, SSM, IAM,
//! ElastiCache.
//!
//! Signed by `aws-sigv4` with the credentials, endpoint and limits of the SDK's clients, and told apart the same way
//! ([`Failure`]): what was answered with a code is refused, everything after the connection is unclear. Reading may be
//! asked twice; what changes something goes out once.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_types::base64;
use reqwest::Method;
use roxmltree::{Document, Node};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Aws, Failure, Purpose};
use crate::actions::http;
use crate::actions::params::clip;

/// Longest answer that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// Before what was throttled is asked again.
const THROTTLED_FOR: Duration = Duration::from_millis(700);

/// A request that is not signed yet.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Ask {
    /// The name it is signed for: `s3`, `ec2`.
    service: &'static str,
    region: String,
    /// At AWS itself: `eks.eu-west-1`, without the domain.
    host: String,
    /// One endpoint and no other, whatever the settings say.
    only_at: Option<String>,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Answer {
    pub(in crate::actions) body: String,
    /// When it was given, by the other's clock.
    pub(in crate::actions) date: Option<String>,
    request_id: Option<String>,
}

impl Ask {
    /// A call without a body: `GET` and the like.
    pub(in crate::actions) fn rest(
        service: &'static str,
        region: &str,
        method: Method,
        path: &str,
    ) -> Self {
        Self {
            service,
            region: region.to_owned(),
            host: format!("{service}.{region}"),
            only_at: None,
            method,
            path: path.to_owned(),
            query: vec![],
            headers: vec![],
            body: String::new(),
        }
    }

    /// A call of the query protocol: EC2, load balancers, IAM.
    pub(in crate::actions) fn form(
        service: &'static str,
        version: &str,
        region: &str,
        action: &str,
        with: &[(String, String)],
    ) -> Self {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("Action", action).append_pair("Version", version).extend_pairs(with);
        Self::rest(service, region, Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    /// A call of the JSON protocol: SSM (1.1), CloudWatch (1.0).
    pub(in crate::actions) fn json(
        service: &'static str,
        version: &str,
        region: &str,
        target: &str,
        with: &Value,
    ) -> Self {
        Self::rest(service, region, Method::POST, "/")
            .header("content-type", &format!("application/x-amz-json-{version}"))
            .header("x-amz-target", target)
            .body(with.to_string())
    }

    pub(in crate::actions) fn at(self, host: String) -> Self {
        Self { host, ..self }
    }

    pub(super) fn only_at(self, url: &str) -> Self {
        Self { only_at: Some(url.to_owned()), ..self }
    }

    pub(in crate::actions) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(in crate::actions) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn body(self, body: String) -> Self {
        Self { body, ..self }
    }

    /// Every header that is signed. S3 wants a checksum of each document, and refuses what it was not told of.
    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut all = self.headers.clone();
        if self.service == "s3" && !self.body.is_empty() {
            let checksum = base64::encode(Sha256::digest(self.body.as_bytes()));
            all.push(("x-amz-checksum-sha256", checksum));
        }
        all
    }

    fn url(&self, endpoint: Option<&str>) -> Result<reqwest::Url, Failure> {
        let domain =
            if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let own = || Cow::Owned(format!("https://{}.{domain}", self.host));
        let base = self.only_at.as_deref().or(endpoint).map_or_else(own, Cow::Borrowed);
        let text = format!("{}{}", base.trim_end_matches('/'), self.path);
        let mut url = reqwest::Url::parse(&text).map_err(|error| not_sent(&error.to_string()))?;
        for (name, value) in &self.query {
            // `?policy`: a name alone.
            if value.is_empty() {
                url.set_query(Some(name));
            } else {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(url)
    }
}

impl Answer {
    /// The first element of this name, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text_of(&self.body, name)
    }

    /// As XML.
    pub(super) fn xml(&self) -> Result<Document<'_>, Failure> {
        let unreadable = |_| Failure::Unclear("an answer that is not XML".into());
        Document::parse(&self.body).map_err(unreadable)
    }

    /// As JSON.
    pub(in crate::actions) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.body)
            .map_err(|_| Failure::Unclear("an answer that is not JSON".into()))
    }

    /// What an auditor asks for.
    pub(super) fn evidence(&self) -> Value {
        json!({"request_id": self.request_id})
    }
}

/// The first element of this name in an XML document, as text.
fn text_of(xml: &str, name: &str) -> Option<String> {
    let document = Document::parse(xml).ok()?;
    let found = document.descendants().find(|node| node.tag_name().name() == name)?;
    found.text().map(ToOwned::to_owned)
}

/// The text of a direct child of this name.
pub(super) fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|one| one.tag_name().name() == name)?.text()
}

/// The elements of a list: `<Members><Member>…`, for the names of both.
pub(super) fn elements<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    list: &'a str,
    one: &'a str,
) -> impl Iterator<Item = Node<'a, 'i>> + Clone {
    let lists = node.children().filter(move |child| child.tag_name().name() == list);
    lists.flat_map(|list| list.children()).filter(move |child| child.tag_name().name() == one)
}

fn not_sent(message: &str) -> Failure {
    Failure::Refused { code: "NotSent".into(), message: clip(message) }
}

impl Aws {
    fn web(&self) -> Result<reqwest::Client, Failure> {
        if let Some(client) = self.web.get() {
            return Ok(client.clone());
        }
        let client = http::plain_client()
            .connect_timeout(self.settings.limits.connect)
            .build()
            .map_err(|_| not_sent("no TLS set-up"))?;
        Ok(self.web.get_or_init(|| client).clone())
    }

    /// Asks; a reading call once more when nobody answered, or after a moment when it was told to wait.
    pub(in crate::actions) fn ask<'a>(
        &'a self,
        purpose: Purpose,
        ask: &'a Ask,
    ) -> BoxFuture<'a, Result<Answer, Failure>> {
        let asked = async move {
            let first = self.ask_once(purpose, ask).await;
            match (purpose, &first) {
                (Purpose::Look, Err(Failure::NotConnected(_) | Failure::Unclear(_))) => {
                    self.ask_once(purpose, ask).await
                }
                (Purpose::Look, Err(failure)) if failure.is_throttled() => {
                    tokio::time::sleep(THROTTLED_FOR).await;
                    self.ask_once(purpose, ask).await
                }
                (Purpose::Look | Purpose::Act, _) => first,
            }
        };
        asked.boxed()
    }

    async fn ask_once(&self, purpose: Purpose, ask: &Ask) -> Result<Answer, Failure> {
        let limits = self.settings.limits;
        let limit = match purpose {
            Purpose::Look => limits.look.mul_f32(0.5),
            Purpose::Act => limits.act,
        };
        let url = ask.url(self.settings.endpoint_url.as_deref())?;
        let headers = ask.headers();
        let signed = self.signed(ask, &headers, &url).await?;
        let mut request = self.web()?.request(ask.method.clone(), url).timeout(limit);
        for (name, value) in headers.iter().chain(&signed) {
            request = request.header(*name, value);
        }
        let answer = request.body(ask.body.clone()).send().await.map_err(|error| broken(&error))?;
        read(answer).await
    }

    /// The headers that prove who asks.
    async fn signed(
        &self,
        ask: &Ask,
        headers: &[(&'static str, String)],
        url: &reqwest::Url,
    ) -> Result<Vec<(&'static str, String)>, Failure> {
        let scope = (ask.service, ask.region.as_str());
        self.signature(scope, (ask.method.as_str(), url), headers, &ask.body).await
    }

    /// The headers that prove who asks, of any request that is signed for this service and region.
    pub(in crate::actions) async fn signature(
        &self,
        (service, region): (&str, &str),
        (method, url): (&str, &reqwest::Url),
        headers: &[(&'static str, String)],
        body: &str,
    ) -> Result<Vec<(&'static str, String)>, Failure> {
        let base = self.base().await;
        let without = || Failure::Refused {
            code: "NoCredentials".into(),
            message: "no AWS credentials could be loaded".into(),
        };
        let provider = base.credentials_provider().ok_or_else(without)?;
        // Providers may put what they read into the causes: not shown.
        let credentials = provider.provide_credentials().boxed().await.map_err(|_| without())?;
        let time = base.time_source().ok_or_else(|| not_sent("no clock"))?.now();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|error| not_sent(&error.to_string()))?
            .into();
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method, url.as_str(), headers, body)
            .map_err(|error| not_sent(&error.to_string()))?;
        let signed = sign(signable, &params).map_err(|error| not_sent(&error.to_string()))?;
        let (headers, _) = signed.into_parts().0.into_parts();
        Ok(headers.into_iter().map(|one| (one.name(), one.value().to_owned())).collect())
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Answer, Failure> {
    let status = answer.status().as_u16();
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id"));
    let (said_type, date) = (header("x-amzn-errortype"), header("date"));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST {
            return Err(Failure::Unclear("an answer that is too long".into()));
        }
    }
    let body = String::from_utf8_lossy(&bytes).into_owned();
    if (200..300).contains(&status) {
        let request_id = request_id.or_else(|| text_of(&body, "RequestId"));
        return Ok(Answer { request_id, date, body });
    }
    let said: Value = serde_json::from_str(&body).unwrap_or_default();
    let own = |names: [&str; 2]| names.iter().find_map(|name| said.get(*name)?.as_str());
    let code = text_of(&body, "Code").or(said_type).or(own(["__type", "code"]).map(Into::into));
    // `com.amazonaws.ssm#ThrottlingException`, `ThrottlingException:http://…`.
    let code = code.as_deref().and_then(|code| code.split(':').next()?.rsplit('#').next());
    let message = text_of(&body, "Message").or(own(["message", "Message"]).map(Into::into));
    Err(Failure::of_answer(status, code, message.as_deref()))
}

fn broken(error: &reqwest::Error) -> Failure {
    let chain = std::iter::successors(error.source(), |&error| error.source());
    // reqwest's own text repeats the URL.
    let text = clip(&chain.map(ToString::to_string).collect::<Vec<_>>().join(": "));
    if error.is_connect() {
        Failure::NotConnected(text)
    } else if error.is_builder() {
        not_sent(&text)
    } else if error.is_timeout() {
        Failure::Unclear("no answer in time".into())
    } else {
        Failure::Unclear(format!("connection lost: {text}"))
    }
}
