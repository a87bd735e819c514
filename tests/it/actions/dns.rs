//! `dns.check`, judged by name servers of Debian's on loopback.

use std::net::{SocketAddr, UdpSocket};

use dr_buddy::actions::{ActionSettings, Actions, DnsSettings, Happened};
use serde_json::{Value, json};

use super::{Step, is_accepted};
use crate::harness::{Nsd, nsd, port_of};

const BEFORE: &str =
    "api IN A 192.0.2.1\nlb 30 IN A 192.0.2.7\nlb IN A 192.0.2.8\nwww IN CNAME api";
const AFTER: &str = "api IN A 192.0.2.7\nlb 30 IN A 192.0.2.7\nlb IN A 192.0.2.8\nwww IN CNAME lb";

/// The zone's two name servers at 127.0.0.2 and 127.0.0.3, and what stands for a public resolver at 127.0.0.4.
async fn servers(port: u16, zones: [&str; 3]) -> [Nsd; 3] {
    let [one, two, three] = zones;
    [nsd(2, port, one).await, nsd(3, port, two).await, nsd(4, port, three).await]
}

fn step(port: u16, resolvers: &[SocketAddr], with: Value) -> Step {
    let at = |host: u8| SocketAddr::from(([127, 0, 0, host], port));
    let dns = DnsSettings { lookups: vec![at(4)], resolvers: resolvers.to_vec(), port };
    let actions = Actions::new(ActionSettings { dns, ..ActionSettings::default() });
    Step::new(&actions, "dns.check", with)
}

#[tokio::test]
async fn a_server_that_lags_is_seen_and_all_that_follow_match() {
    let port = port_of(&[2, 3, 4]);
    let [_one, lagging, resolver] = servers(port, [AFTER, BEFORE, AFTER]).await;
    let with = json!({"name": "api.shop.test", "expect": ["192.0.2.7"]});
    let mut behind = step(port, &[resolver.address], with.clone());
    let preview = behind.preview().await;
    let facts = &preview.facts;
    assert_eq!((&facts["asked"], &facts["matching"]), (&json!(3), &json!(2)), "{facts:?}");
    assert_eq!(facts["all_match"], false);
    assert_eq!(
        (&facts["name_servers_match"], &facts["resolvers_match"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(facts["ttl_s"], 60);
    assert_eq!(facts["answers"]["ns3.shop.test"], json!(["192.0.2.1"]));
    assert_eq!(facts["answers"]["ns2.shop.test"], json!(["192.0.2.7"]));
    assert_eq!(
        behind.probe(&preview).await.happened,
        Happened::Done,
        "a look has no effect to look for"
    );
    assert!(is_accepted(&behind.run(&preview).await));

    drop(lagging);
    let _caught_up = nsd(3, port, AFTER).await;
    let seen = behind.probe(&preview).await;
    assert_eq!(seen.facts["all_match"], true, "{:?}", seen.facts);
    assert_eq!(seen.saw, "told.answers 3 | 3");
}

#[tokio::test]
async fn the_load_balancers_own_addresses_are_what_is_expected() {
    let port = port_of(&[2, 3, 4]);
    let [_one, _two, resolver] = servers(port, [AFTER, AFTER, AFTER]).await;
    let same = json!({"name": "api.shop.test", "same_as": "lb.shop.test"});
    let facts = step(port, &[resolver.address], same).preview().await.facts;
    assert_eq!(facts["expected"], json!(["192.0.2.7", "192.0.2.8"]));
    assert_eq!(facts["all_match"], true, "one of its addresses is its own: {facts:?}");

    // A name server told by hand, and an alias that is asked for as such.
    let alias = json!({"name": "www.shop.test", "record_type": "CNAME", "expect": ["lb.shop.test."],
        "name_servers": [format!("127.0.0.3:{port}")], "resolvers": ["127.0.0.4"]});
    let facts = step(port, &[], alias).preview().await.facts;
    assert_eq!((&facts["asked"], &facts["all_match"]), (&json!(2), &json!(true)), "{facts:?}");

    // Nothing to compare with is no match, and no mismatch either.
    let none = json!({"name": "api.shop.test", "same_as": "nothing.shop.test"});
    let facts = step(port, &[resolver.address], none).preview().await.facts;
    assert_eq!(facts["answered"], 3);
    assert!(!facts.contains_key("all_match") && !facts.contains_key("matching"), "{facts:?}");
}

#[tokio::test]
async fn a_silent_server_is_unknown_and_a_name_that_is_gone_is_a_mismatch() {
    let port = port_of(&[2, 3, 4, 5]);
    let [_one, _two, resolver] = servers(port, [AFTER, AFTER, AFTER]).await;
    let silent = UdpSocket::bind(("127.0.0.5", port)).unwrap().local_addr().unwrap();
    let resolvers = [resolver.address, silent];
    let with = json!({"name": "api.shop.test", "expect": ["192.0.2.7"]});
    let mut unsure = step(port, &resolvers, with);
    let preview = unsure.preview().await;
    let facts = &preview.facts;
    assert_eq!(
        (&facts["asked"], &facts["answered"], &facts["matching"]),
        (&json!(4), &json!(3), &json!(3))
    );
    assert!(!facts.contains_key("all_match"), "nobody knows what it answers: {facts:?}");
    assert!(!facts.contains_key("resolvers_match"));
    assert_eq!(facts["name_servers_match"], true);
    assert_eq!(facts["answers"]["127.0.0.5"], Value::Null);
    assert!(is_accepted(&unsure.run(&preview).await));
    let gone = json!({"name": "gone.shop.test", "expect": ["192.0.2.7"]});
    let facts = step(port, &resolvers, gone).preview().await.facts;
    assert_eq!(facts["all_match"], false, "three say that there is none: {facts:?}");
    assert_eq!(facts["answers"]["ns2.shop.test"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    for (with, key) in [
        (json!({"name": "api.shop.test"}), "trouble.one_of"),
        (json!({"name": "api.shop.test", "expect": ["a"], "same_as": "b"}), "trouble.one_of"),
        (json!({"name": "a b..", "expect": ["192.0.2.7"]}), "trouble.no_name"),
        (json!({"name": "a", "expect": ["192.0.2.7"], "record_type": "TXT"}), "trouble.no_type"),
        (json!({"name": "a", "expect": ["1"], "resolvers": ["one.one"]}), "trouble.no_server"),
    ] {
        let refused = step(53, &[], with).refusal().await;
        assert!(refused.starts_with(key), "{refused}");
    }
}
