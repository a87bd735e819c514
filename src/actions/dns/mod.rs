//! What name servers and resolvers answer. It only reads.
//!
//! Every server is asked on its own, without a cache of ours. One that says there is no such name has answered; one that
//! does not answer, or refuses, is unknown.

mod ask;
mod check;

use std::net::{IpAddr, SocketAddr};

pub(super) use check::Check;

/// Which servers are asked. `config.rs` fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSettings {
    /// Who finds name servers and their addresses; the system's own resolvers where there is none.
    pub lookups: Vec<SocketAddr>,
    /// Resolvers that are asked what they answer.
    pub resolvers: Vec<SocketAddr>,
    /// The port of servers that are named without one.
    pub port: u16,
}

/// The port of DNS.
const PORT: u16 = 53;

impl Default for DnsSettings {
    fn default() -> Self {
        let resolvers = [[1, 1, 1, 1], [8, 8, 8, 8], [9, 9, 9, 9]];
        let resolvers = resolvers.map(|address| SocketAddr::from((address, PORT))).into();
        Self { lookups: vec![], resolvers, port: PORT }
    }
}

impl DnsSettings {
    /// Reads `1.1.1.1,192.0.2.1:5353`. Says what is wrong.
    pub fn parse(text: &str, wrong: &mut Vec<String>) -> Self {
        let mut resolvers = vec![];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match address(part, PORT) {
                Some(address) => resolvers.push(address),
                None => wrong.push(format!(
                    "DR_BUDDY_DNS_RESOLVERS: `{part}` is not an address: write `1.1.1.1` or `192.0.2.1:5353`"
                )),
            }
        }
        if resolvers.is_empty() { Self::default() } else { Self { resolvers, ..Self::default() } }
    }
}

/// `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`.
fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.trim_matches(['[', ']']).parse::<IpAddr>();
    bare.map(|ip| SocketAddr::new(ip, port)).or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_addresses_and_three_unless_told() {
        let mut wrong = vec![];
        assert_eq!(DnsSettings::parse("", &mut wrong).resolvers.len(), 3);
        let told = DnsSettings::parse("192.0.2.1:5353, [2001:db8::1], one.one", &mut wrong);
        let texts: Vec<String> = told.resolvers.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["192.0.2.1:5353", "[2001:db8::1]:53"]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
}
