//! Name servers: Debian's NSD, each with the zone `shop.test` at an address of its own on loopback, all at one port.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tempfile::TempDir;

use super::child::{Child, free_port};
use super::{eventually, tools};

/// A running name server; gone when dropped.
#[derive(Debug)]
pub(crate) struct Nsd {
    pub(crate) address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

/// A port that is free for `127.0.0.HOST` of each of these hosts.
pub(crate) fn port_of(hosts: &[u8]) -> u16 {
    loop {
        let port = free_port();
        let is_free = |host: &u8| UdpSocket::bind((loopback(*host), port)).is_ok();
        if hosts.iter().all(is_free) {
            return port;
        }
    }
}

fn loopback(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, host))
}

/// Serves `records` of `shop.test` at `127.0.0.HOST`. Its name servers are `ns2` and `ns3`, at 127.0.0.2 and 127.0.0.3.
pub(crate) async fn nsd(host: u8, port: u16, records: &str) -> Nsd {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a plain path").to_owned();
    let zone = format!(
        "$ORIGIN shop.test.\n$TTL 60\n@ IN SOA ns2 admin 1 3600 600 86400 60\n@ IN NS ns2\n@ IN NS ns3\n\
         ns2 IN A 127.0.0.2\nns3 IN A 127.0.0.3\n{records}\n"
    );
    fs::write(folder.path().join("zone"), zone).expect("it can be written");
    let address = loopback(host);
    let config = format!(
        "server:\n  ip-address: {address}@{port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{path}\"\n  \
         pidfile: \"\"\n  xfrdfile: \"{path}/xfrd\"\n  zonelistfile: \"{path}/zones\"\n  xfrdir: \"{path}\"\n  \
         server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\nzone:\n  name: shop.test\n  zonefile: zone\n"
    );
    let file = folder.path().join("nsd.conf");
    fs::write(&file, config).expect("it can be written");
    let arguments = ["-d", "-c", file.to_str().expect("a plain path")];
    let child = Child::start("nsd", folder.path(), &tools::debian("nsd"), arguments, &[]);
    let server = Nsd { address: SocketAddr::new(address, port), _child: child, _folder: folder };
    let at = server.address;
    eventually("NSD answers", 10, || async move { answers(at).then_some(()) }).await;
    server
}

/// Asks for the SOA of the zone, in plain bytes.
fn answers(at: SocketAddr) -> bool {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return false };
    let wait = std::time::Duration::from_millis(200);
    let question = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x04shop\x04test\0\0\x06\0\x01";
    let mut answer = [0; 512];
    socket.set_read_timeout(Some(wait)).is_ok()
        && socket.connect(at).is_ok()
        && socket.send(question).is_ok()
        // NOERROR, one answer.
        && socket.recv(&mut answer).is_ok_and(|n| n > 12 && answer[3] & 15 == 0 && answer[7] == 1)
}

#[tokio::test]
async fn two_servers_of_one_zone_may_differ() {
    let port = port_of(&[2, 3]);
    let one = nsd(2, port, "api IN A 192.0.2.1").await;
    let other = nsd(3, port, "api IN A 192.0.2.2").await;
    assert_ne!(one.address, other.address);
}
