//! Pretended answers of name servers.

use serde_json::{Map, json};

use super::look::Look;
use super::route53::answer;
use super::world::World;

/// Six servers, which all follow the record.
pub(in crate::actions) const CHECK: Look = Look {
    at: "name",
    facts: |world: &World<'_>| {
        let answer = answer(world, &world.with("name"));
        let expected = match world.with("same_as") {
            name if name.is_empty() => world.list("expect"),
            name => vec![name],
        };
        let is_so = expected.contains(&answer);
        Map::from_iter([
            ("answers".to_owned(), json!({"ns-1.example": [answer], "1.1.1.1": [answer]})),
            ("expected".to_owned(), json!(expected)),
            ("asked".to_owned(), json!(7)),
            ("answered".to_owned(), json!(7)),
            ("matching".to_owned(), json!(if is_so { 7 } else { 0 })),
            ("all_match".to_owned(), json!(is_so)),
            ("name_servers_match".to_owned(), json!(is_so)),
            ("resolvers_match".to_owned(), json!(is_so)),
            ("ttl_s".to_owned(), json!(60)),
        ])
    },
};
