//! What is said of settings that are wrong.

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::read(&|name| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let wrong = read(&[
        ("DR_BUDDY_LISTEN", "here"),
        ("DR_BUDDY_WEB_TOKENS", "mia=short,antoine,Leo=0123456789abcdef"),
        ("DATABASE_URL", "mysql://bot:0123456789abcdef@db/bot"),
        ("DR_BUDDY_GRACE", "soon"),
        ("DR_BUDDY_DOCTOR", "often"),
        ("DR_BUDDY_SEAL_KEY", "0123456789abcdef"),
        ("DR_BUDDY_PAGE_URL", "dr.example.com"),
        ("DR_BUDDY_CONNECTIONS", "orders=ORDERS_URL,cache=NOT_SET"),
        ("ORDERS_URL", "oracle://bot:0123456789abcdef@db/bot"),
        ("DR_BUDDY_HTTP_HOSTS", "api.example.com/path"),
        ("DR_BUDDY_HTTP_SECRETS", "status=0123456789abcdef"),
        ("DR_BUDDY_DNS_RESOLVERS", "one.one.one.one"),
        ("DR_BUDDY_PROGRAMS", "{sh: /bin/sh}"),
        ("DR_BUDDY_HOOKS", "pagerduty=NOT_SET,sns=0123456789abcdef,0123456789abcdef"),
    ])
    .unwrap_err();
    assert_eq!(wrong.len(), 21, "{wrong:#?}");
    assert!(!wrong.join("\n").contains("0123456789abcdef"));
}

#[test]
fn debug_shows_no_secret() {
    let config = read(&[
        ("SLACK_BOT_TOKEN", "xoxb-secret-1"),
        ("SLACK_SIGNING_SECRET", "secret-2"),
        ("SLACK_APP_TOKEN", "xapp-secret-5"),
        ("DR_BUDDY_ENVIRONMENT", "prod"),
        ("DR_BUDDY_WEB_TOKENS", "mia=secret-3-0123456789"),
        ("DATABASE_URL", "postgres://bot:secret-4@db/bot"),
        ("DR_BUDDY_SEAL_KEY", &"5ec2e7".repeat(11)[..64]),
        ("DR_BUDDY_CONNECTIONS", "orders=ORDERS_URL"),
        ("ORDERS_URL", "mysql://bot:secret-6@db/orders"),
        ("DR_BUDDY_HTTP_SECRETS", "status=STATUS_TOKEN@api.example.com"),
        ("STATUS_TOKEN", "OAuth secret-7"),
        ("DR_BUDDY_HOOKS", "grafana=GRAFANA_TOKEN"),
        ("GRAFANA_TOKEN", "secret-8-0123456789"),
    ])
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("secret-") && !shown.contains("5ec2e7"));
}

#[test]
fn slack_comes_in_by_one_door_at_least_and_each_token_has_its_place() {
    let must = [("SLACK_BOT_TOKEN", "xoxb-1"), ("DR_BUDDY_ENVIRONMENT", "prod")];
    let with = |more: &[(&str, &str)]| read(&[&must[..], more].concat());
    let wrong = with(&[]).unwrap_err().join("\n");
    assert!(wrong.contains("SLACK_SIGNING_SECRET") && wrong.contains("SLACK_APP_TOKEN"));
    for doors in [
        &[("SLACK_SIGNING_SECRET", "2")][..],
        &[("SLACK_APP_TOKEN", "xapp-1")],
        &[("SLACK_SIGNING_SECRET", "2"), ("SLACK_APP_TOKEN", "xapp-1")],
    ] {
        let slack = with(doors).unwrap().slack;
        let found = [slack.signing_secret.is_some(), slack.app_token.is_some()];
        let named = ["SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN"];
        assert_eq!(found, named.map(|name| doors.iter().any(|(door, _)| *door == name)));
    }
    let swapped = read(&[
        ("SLACK_BOT_TOKEN", "xapp-1"),
        ("SLACK_APP_TOKEN", "xoxb-1"),
        ("DR_BUDDY_ENVIRONMENT", "prod"),
    ]);
    assert_eq!(swapped.unwrap_err().len(), 2);
}

#[test]
fn the_page_has_an_address_people_can_open_and_only_where_it_is_on() {
    let with = |url: &str, tokens: &str| {
        read(&[
            ("SLACK_BOT_TOKEN", "xoxb-1"),
            ("SLACK_SIGNING_SECRET", "2"),
            ("DR_BUDDY_ENVIRONMENT", "prod"),
            ("DR_BUDDY_PAGE_URL", url),
            ("DR_BUDDY_WEB_TOKENS", tokens),
        ])
        .map(|config| config.page_url)
    };
    let on = "mia=0123456789abcdef";
    let page = Some("https://dr.example.com".to_owned());
    assert_eq!(with("https://dr.example.com/", on), Ok(page));
    for bad in ["dr.example.com", "javascript:alert(1)", "https://", "https://a.example/?x=1"] {
        assert_eq!(with(bad, on).unwrap_err().len(), 1, "{bad}");
    }
    assert!(with("https://dr.example.com", "").unwrap_err()[0].contains("WEB_TOKENS"));
}

#[test]
fn the_url_chooses_the_engine() {
    let must = [
        ("SLACK_BOT_TOKEN", "xoxb-1"),
        ("SLACK_SIGNING_SECRET", "2"),
        ("DR_BUDDY_ENVIRONMENT", "prod"),
    ];
    let with = |more: &[(&str, &str)]| read(&[&must[..], more].concat()).unwrap().database;
    let Database::File(file) = with(&[]) else { panic!("no file") };
    assert_eq!(file, PathBuf::from("dr-buddy.db"));
    let Database::File(file) = with(&[("DR_BUDDY_DATABASE", "/data/runs.db")]) else {
        panic!("no file")
    };
    assert_eq!(file, PathBuf::from("/data/runs.db"));
    for scheme in ["postgres", "postgresql"] {
        let url = format!("{scheme}://bot@db/bot");
        let with = with(&[("DATABASE_URL", &url), ("DR_BUDDY_DATABASE", "/data/runs.db")]);
        assert!(matches!(with, Database::Postgres(_)));
    }
}
