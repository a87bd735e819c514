//! A region that lives, is refused, or swallows what is sent to it; and the ways into it, which die with it.
#![expect(clippy::disallowed_methods, reason = "a line ends with the value that holds it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It answers.
    Alive,
    /// Nobody listens any more: connections are refused.
    Refused,
    /// Packets get lost: nobody hears of anything.
    Dark,
}

/// Hears how the region is.
pub(super) type Pulse = watch::Receiver<Life>;

/// One address of the region, the same whatever stands behind it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) address: SocketAddr,
    to: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    /// Leads to a port of 127.0.0.1, until it is turned.
    pub(super) async fn open(address: SocketAddr, to: u16, pulse: Pulse) -> Self {
        let to = Arc::new(AtomicU16::new(to));
        let task = tokio::spawn(keep(address, Arc::clone(&to), pulse));
        crate::harness::eventually("the line is open", 10, || async {
            TcpStream::connect(address).await.ok()
        })
        .await;
        Self { address, to, task }
    }

    /// Leads elsewhere from now on.
    pub(super) fn turn(&self, to: u16) {
        self.to.store(to, Ordering::Relaxed);
    }
}

fn listen(address: SocketAddr, backlog: u32) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("it may be bound again at once");
    socket.bind(address).expect("the address is ours");
    socket.listen(backlog).expect("it listens")
}

async fn keep(address: SocketAddr, to: Arc<AtomicU16>, mut pulse: Pulse) {
    let mut open = JoinSet::new();
    loop {
        let life = *pulse.borrow_and_update();
        let changed = match life {
            Life::Alive => {
                let listener = listen(address, 128);
                loop {
                    tokio::select! {
                        accepted = listener.accept() => {
                            let Ok((stream, _)) = accepted else { continue };
                            let to = to.load(Ordering::Relaxed);
                            open.spawn(carry(stream, to, pulse.clone()));
                        }
                        changed = pulse.changed() => break changed,
                    }
                }
            }
            Life::Refused => pulse.changed().await,
            Life::Dark => {
                // One waits to be accepted, which nobody does; who comes after it is not answered at all.
                let _full = listen(address, 0);
                let mut waiting = Vec::new();
                for _ in 0..3 {
                    waiting.push(
                        timeout(Duration::from_millis(50), TcpStream::connect(address)).await,
                    );
                }
                pulse.changed().await
            }
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Carries one connection, until the region dies: refused it is closed, dark it hangs.
async fn carry(mut stream: TcpStream, to: u16, mut pulse: Pulse) {
    let Ok(mut other) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { return };
    // Small answers wait for nothing.
    drop((stream.set_nodelay(true), other.set_nodelay(true)));
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut stream, &mut other) => return,
        _ = pulse.wait_for(|life| *life != Life::Alive) => {}
    }
    drop(pulse.wait_for(|life| *life != Life::Dark).await);
}

#[tokio::test]
async fn a_line_dies_in_two_ways_and_comes_back_where_it_was() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().port();
    let (region, pulse) = watch::channel(Life::Alive);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::harness::free_port()));
    let line = Line::open(address, to, pulse).await;
    let connect = || timeout(Duration::from_millis(300), TcpStream::connect(line.address));
    assert!(connect().await.unwrap().is_ok());
    region.send_replace(Life::Refused);
    crate::harness::eventually("it is refused", 5, || async {
        let error = connect().await.ok()?.err()?;
        (error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
    region.send_replace(Life::Dark);
    crate::harness::eventually("nobody answers", 5, || async { connect().await.err() }).await;
    region.send_replace(Life::Alive);
    crate::harness::eventually("it is back", 5, || async { connect().await.ok()?.ok() }).await;
}
