//! The connection is lost in the very moment of the commit: a proxy cuts it before or after the server heard.

use std::sync::{Arc, Mutex};

use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::{Committed, Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::draft::{Draft, begun, show};
use crate::harness::{eventually, postgres};

/// What the keys of those commits begin with that are cut: it goes over the line as it is.
const KEY: &[u8] = b"cut-me/";

/// What happens to the next commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    Not,
    /// The server never hears of it.
    Before,
    /// The server does it, and its answer is lost.
    After,
    /// As `After`, and then nobody gets through any more.
    ForGood,
    /// Nobody gets through.
    Dead,
}

struct Proxy {
    port: u16,
    cut: Arc<Mutex<Cut>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Mutex::new(Cut::Not));
        let mut tasks = JoinSet::new();
        let seen = cut.clone();
        tasks.spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if *seen.lock().unwrap() != Cut::Dead {
                    let server = TcpStream::connect(&server).await.unwrap();
                    all.spawn(relay(client, server, seen.clone()));
                }
            }
        });
        Self { port, cut, _tasks: tasks }
    }

    fn next(&self, cut: Cut) {
        *self.cut.lock().unwrap() = cut;
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, cut: Arc<Mutex<Cut>>) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            n = client.read(&mut asked) => {
                let Ok(n @ 1..) = n else { return };
                let is_commit = asked[..n].windows(KEY.len()).any(|bytes| bytes == KEY);
                let now = *cut.lock().unwrap();
                if now == Cut::Dead { return }
                if is_commit && now != Cut::Not {
                    *cut.lock().unwrap() = if now == Cut::ForGood { Cut::Dead } else { Cut::Not };
                    if now != Cut::Before {
                        server.write_all(&asked[..n]).await.unwrap();
                        let _answer = server.read(&mut answered).await;
                    }
                    return;
                }
                if server.write_all(&asked[..n]).await.is_err() { return }
            }
            n = server.read(&mut answered) => {
                let Ok(n @ 1..) = n else { return };
                if client.write_all(&answered[..n]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_handed_in_again_under_its_key() {
    let url = postgres().await.database().await;
    let (before, after) = url.split_once("127.0.0.1:").unwrap();
    let (port, database) = after.split_once('/').unwrap();
    let proxy = Proxy::start(format!("127.0.0.1:{port}")).await;
    let url = format!("{before}127.0.0.1:{}/{database}", proxy.port);
    let store = PostgresStore::open(&url.into()).await.unwrap();
    let mut stored = begun(&store).await;

    // Whether the server heard of it or not: it is done, once.
    for (cut, key) in [(Cut::After, "cut-me/after"), (Cut::Before, "cut-me/before")] {
        proxy.next(cut);
        let draft = Draft::note(&stored, key).with(&[show()]);
        assert_eq!(draft.commit(&store, key).await, Committed::Done, "{cut:?}");
        assert_eq!(*proxy.cut.lock().unwrap(), Cut::Not, "it was cut");
        stored = store.run(&stored.run.id).await.unwrap().unwrap();
        assert_eq!(stored.run, draft.run);
    }
    // What somebody else did under that key is not taken for ours.
    proxy.next(Cut::After);
    let repeat = Draft::note(&stored, "repeat").commit(&store, "cut-me/after").await;
    assert_eq!(repeat, Committed::Duplicate(stored.run.id.clone()));
    assert_eq!(store.run(&stored.run.id).await.unwrap().as_ref(), Some(&stored));

    proxy.next(Cut::ForGood);
    let draft = Draft::note(&stored, "in doubt").with(&[show()]);
    let lost = draft.try_commit(&store, "cut-me/in doubt", None).await;
    assert!(matches!(lost, Err(StoreError::InDoubt { .. })), "{lost:?}");
    proxy.next(Cut::Not);
    eventually("it can be reached again", 20, || async { store.check().await.ok() }).await;
    // Handed in again, it turns out to be done.
    let again = Committed::Duplicate(draft.run.id.clone());
    assert_eq!(draft.commit(&store, "cut-me/in doubt").await, again);
    assert_eq!(store.run(&draft.run.id).await.unwrap().unwrap().run, draft.run);
}
